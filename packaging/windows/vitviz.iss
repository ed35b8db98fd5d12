; vitviz's installer for Windows: for one user, without administrator's rights. Needs Inno Setup 6.3.
; packaging/build.py calls it:  iscc /DVersion=0.0.0 /DSource=dist\vitviz /DOutput=dist packaging\windows\vitviz.iss

#ifndef Version
  #error Version is not given: run packaging/build.py windows, which takes it from vitviz/core/version.py
#endif
#ifndef Source
  #define Source "..\..\dist\vitviz"
#endif
#ifndef Output
  #define Output "..\..\dist"
#endif

[Setup]
AppId={{8C0B9A52-3F0E-4C7C-9E63-5B1B1D5C7A11}
AppName=vitviz
AppVersion={#Version}
AppVerName=vitviz {#Version}
AppPublisher=vitviz maintainers
DefaultDirName={autopf}\vitviz
DefaultGroupName=vitviz
DisableProgramGroupPage=yes
DisableDirPage=auto
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
OutputDir={#Output}
OutputBaseFilename=vitviz-{#Version}-windows-x86_64
SetupIconFile=..\..\build\vitviz.ico
UninstallDisplayIcon={app}\vitviz.exe
UninstallDisplayName=vitviz
LicenseFile=..\..\LICENSE
Compression=lzma2/max
SolidCompression=yes
LZMAUseSeparateProcess=yes
WizardStyle=modern
ChangesAssociations=yes
CloseApplications=yes

[Tasks]
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; GroupDescription: "{cm:AdditionalIcons}"; Flags: unchecked
Name: "openwith"; Description: "Offer vitviz under ""Open with"" for pictures, and open .safetensors files with it"

[InstallDelete]
; An older version's files: what a new one no longer has must not be found by it.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "{#Source}\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[Icons]
Name: "{autoprograms}\vitviz"; Filename: "{app}\vitviz.exe"; AppUserModelID: "org.vitviz.vitviz"
Name: "{autodesktop}\vitviz"; Filename: "{app}\vitviz.exe"; Tasks: desktopicon

[Registry]
; What stands before a suffix's own key takes the key away again, unless others have put something there.
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe"; ValueType: string; ValueName: "FriendlyAppName"; ValueData: "vitviz"
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\shell\open\command"; ValueType: string; ValueData: """{app}\vitviz.exe"" ""%1"""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".png"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".jpg"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".jpeg"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".webp"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".bmp"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".gif"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".tiff"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\vitviz.exe\SupportedTypes"; ValueType: string; ValueName: ".tif"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\.png"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.png\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.jpg"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.jpg\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.jpeg"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.jpeg\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.webp"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.webp\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.bmp"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.bmp\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.gif"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.gif\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.tiff"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.tiff\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.tif"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.tif\OpenWithProgids"; ValueType: string; ValueName: "vitviz.picture"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\vitviz.picture"; ValueType: string; ValueData: "Picture"; Tasks: openwith; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\vitviz.picture\shell\open\command"; ValueType: string; ValueData: """{app}\vitviz.exe"" ""%1"""; Tasks: openwith
Root: HKA; Subkey: "Software\Classes\.vitviz"; ValueType: string; ValueData: "vitviz.session"; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\vitviz.session"; ValueType: string; ValueData: "vitviz session"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\vitviz.session\DefaultIcon"; ValueType: string; ValueData: "{app}\vitviz.exe,0"
Root: HKA; Subkey: "Software\Classes\vitviz.session\shell\open\command"; ValueType: string; ValueData: """{app}\vitviz.exe"" ""%1"""
Root: HKA; Subkey: "Software\Classes\.safetensors"; Tasks: openwith; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.safetensors\OpenWithProgids"; ValueType: string; ValueName: "vitviz.safetensors"; ValueData: ""; Tasks: openwith; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\vitviz.safetensors"; ValueType: string; ValueData: "Model weights"; Tasks: openwith; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\vitviz.safetensors\DefaultIcon"; ValueType: string; ValueData: "{app}\vitviz.exe,0"; Tasks: openwith
Root: HKA; Subkey: "Software\Classes\vitviz.safetensors\shell\open\command"; ValueType: string; ValueData: """{app}\vitviz.exe"" ""%1"""; Tasks: openwith

[Run]
Filename: "{app}\vitviz.exe"; Description: "{cm:LaunchProgram,vitviz}"; Flags: nowait postinstall skipifsilent
