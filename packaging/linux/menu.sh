#!/bin/sh
# Puts vitviz into the menu of this user, under "open with" and on the command line: ./menu.sh
# Takes it away again: ./menu.sh --remove
set -eu

here=$(cd "$(dirname "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
command=$HOME/.local/bin/vitviz
entry=$data/applications/vitviz.desktop
types=$data/mime/packages/vitviz.xml
icon=$data/icons/hicolor/scalable/apps/vitviz.svg

if [ "${1:-}" = --remove ]; then
    rm -f "$entry" "$types" "$icon" "$command"
else
    mkdir -p "$(dirname "$entry")" "$(dirname "$types")" "$(dirname "$icon")" "$(dirname "$command")"
    sed "s|^Exec=vitviz|Exec=\"$here/vitviz\"|" "$here/share/vitviz.desktop" >"$entry"
    cp "$here/share/vitviz.xml" "$types"
    cp "$here/share/vitviz.svg" "$icon"
    ln -sf "$here/vitviz" "$command"
fi
for update in "update-mime-database $data/mime" "update-desktop-database $data/applications"; do
    if command -v "${update%% *}" >/dev/null; then $update || true; fi
done
