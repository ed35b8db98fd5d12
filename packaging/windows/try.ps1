# Tries the setup program: installs it for this user, starts it, removes it, looks for what is left.
param([Parameter(Mandatory)] [string] $Setup)
$ErrorActionPreference = "Stop"
$place = Join-Path $env:LOCALAPPDATA "Programs\vitviz"
$classes = "HKCU:\Software\Classes"

function Run($program, $words) {
    $done = Start-Process $program -ArgumentList $words -Wait -PassThru
    if ($done.ExitCode) { throw "$program ended with $($done.ExitCode)" }
}

Run $Setup "/VERYSILENT", "/SUPPRESSMSGBOXES", "/NORESTART", "/CURRENTUSER"
& "$place\vitviz-cli.exe" smoke
if ($LASTEXITCODE) { throw "the installed vitviz does not work" }
if (-not (Test-Path "$classes\vitviz.session")) { throw "sessions were not given to vitviz" }

Run "$place\unins000.exe" "/VERYSILENT", "/SUPPRESSMSGBOXES", "/NORESTART"
$patience = [DateTime]::Now.AddSeconds(60)  # the uninstaller removes itself last, after it has ended
while ((Test-Path $place) -and [DateTime]::Now -lt $patience) { Start-Sleep -Milliseconds 200 }
$left = @($place, "$classes\vitviz.session", "$classes\vitviz.picture", "$classes\.vitviz",
    "$classes\Applications\vitviz.exe") | Where-Object { Test-Path $_ }
if ($left) { throw "left behind: $left" }
"installed, started, removed; nothing is left"
