#!/bin/sh
# Tries the Debian package on a Debian that knows nothing of vitviz: installs it, starts it, removes it.
# As root inside that Debian, a container or a chroot with nothing in it that matters:
#   docker run --rm -v "$PWD:/vitviz:ro" debian:12 sh -c '/vitviz/packaging/linux/try.sh /vitviz/dist/*.deb'
set -eu
export DEBIAN_FRONTEND=noninteractive
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ours() { find / -xdev -iname '*vitviz*' ! -path '/proc/*' ! -path '/var/log/*' ! -path "$1" ! -path '/vitviz/*' | sort; }

if command -v python3; then
    echo "this Debian has a Python, so it proves little"
    exit 1
fi
ours "$1" >"$work/before"
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$1" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
du -sm /opt/vitviz
cd "$work"
export VITVIZ_CONFIG_DIR="$work/settings"
vitviz --version
vitviz smoke
QT_QPA_PLATFORM=offscreen vitviz --screenshot "$work/window.png"
test -s "$work/window.png"
if command -v desktop-file-validate; then desktop-file-validate /usr/share/applications/vitviz.desktop; fi
apt-get purge -y -qq vitviz >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
rm -r "$VITVIZ_CONFIG_DIR" # its log lies where it was told to write
ours "$1" | diff "$work/before" -
echo "installed, started, removed; nothing is left"
