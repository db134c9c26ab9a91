; The setup of Holdfast for one person: no administrator is asked, nothing is written outside that person's own folders and
; registry. packaging/windows/build calls it, docs/packaging-windows.md tells what it does.
;
;   holdfast-VERSION-setup.exe [/S] [/LOGIN=0|1] [/PATH=0|1] [/D=FOLDER]
;
; Exit codes: 0 done, 1 the person cancelled, 2 it failed, 3 Holdfast runs and must end first.

Target amd64-unicode ; as the programs are
Unicode true
ManifestSupportedOS Win10
ManifestDPIAware true
ManifestLongPathAware true
RequestExecutionLevel user
SetCompressor /SOLID lzma
SetCompressorDictSize 64 ; two of the programs are nearly the same
SetDateSave off ; the time of the build is in no byte

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include Sections.nsh
!include x64.nsh
!include WinVer.nsh

!define ID io.github.holdfast-backup.holdfast ; as in window_cgo.go
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run" ; as in plug/autostart
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Holdfast"

Name Holdfast
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Holdfast"
InstallDirRegKey HKCU "${UNINSTALL}" InstallLocation
BrandingText "Holdfast ${VERSION}"
VIProductVersion ${NUMBERS}
VIFileVersion ${NUMBERS}
VIAddVersionKey /LANG=0 ProductName Holdfast
VIAddVersionKey /LANG=0 ProductVersion "${VERSION}"
VIAddVersionKey /LANG=0 FileVersion "${VERSION}"
VIAddVersionKey /LANG=0 FileDescription "Holdfast Setup"
VIAddVersionKey /LANG=0 CompanyName Holdfast
VIAddVersionKey /LANG=0 LegalCopyright "Apache License 2.0"

!define MUI_ICON "${PARTS}\holdfast.ico"
!define MUI_UNICON "${PARTS}\holdfast.ico"
!define MUI_COMPONENTSPAGE_SMALLDESC
!define MUI_FINISHPAGE_RUN "$INSTDIR\Holdfast.exe"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!define MUI_UNCONFIRMPAGE_TEXT_TOP "$(Leaves)"
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE English
!insertmacro MUI_LANGUAGE German

!macro Text NAME EN DE
  LangString ${NAME} ${LANG_ENGLISH} "${EN}"
  LangString ${NAME} ${LANG_GERMAN} "${DE}"
!macroend
!insertmacro Text Program "Holdfast (required)" "Holdfast (erforderlich)"
!insertmacro Text ProgramIs "The app, the command line and the part that reaches servers and clouds." "Die App, die Befehlszeile und der Teil, der Server und Clouds erreicht."
!insertmacro Text StartMenu "In the start menu" "Im Startmenü"
!insertmacro Text StartMenuIs "An entry in your start menu." "Ein Eintrag in deinem Startmenü."
!insertmacro Text CommandLine "Command line" "Befehlszeile"
!insertmacro Text CommandLineIs "New terminals find the command holdfast." "Neue Terminals finden den Befehl holdfast."
!insertmacro Text Login "Start at login" "Beim Anmelden starten"
!insertmacro Text LoginIs "Holdfast starts when you log in, without its window, so that backups run on schedule. You can change this in its settings." "Holdfast startet ohne Fenster, wenn du dich anmeldest, damit geplante Backups laufen. Du kannst das in den Einstellungen ändern."
!insertmacro Text Runs "Holdfast is running. Quit it in its menu beside the clock, and close terminals in which it works. Then try again." "Holdfast läuft gerade. Beende es in seinem Menü neben der Uhr und warte, bis es auch in keinem Terminal mehr arbeitet. Versuche es dann noch einmal."
!insertmacro Text Leaves "Holdfast will be removed. Your backups, your settings and the key on this computer stay: $APPDATA\holdfast and the Windows Credential Manager." "Holdfast wird entfernt. Deine Backups, deine Einstellungen und der Schlüssel auf diesem Computer bleiben: $APPDATA\holdfast und die Anmeldeinformationsverwaltung von Windows."
!insertmacro Text Left "Your backups and your settings were left as they are: $APPDATA\holdfast" "Deine Backups und deine Einstellungen wurden nicht verändert: $APPDATA\holdfast"
!insertmacro Text TooOld "Holdfast needs Windows 10 or 11, 64 bits." "Holdfast braucht Windows 10 oder 11 mit 64 Bit."
!insertmacro Text NoPath "The command line could not be added to your PATH. It is $INSTDIR\holdfast.com" "Die Befehlszeile konnte nicht in deinen PATH aufgenommen werden. Sie ist $INSTDIR\holdfast.com"

; A program that runs cannot be opened for writing.
!macro TryToWrite FILE
  ${If} ${FileExists} "$INSTDIR\${FILE}"
    ClearErrors
    FileOpen $0 "$INSTDIR\${FILE}" a
    ${If} ${Errors}
      StrCpy $1 1
    ${Else}
      FileClose $0
    ${EndIf}
  ${EndIf}
!macroend
!macro RefuseWhileRunning UN
  Function ${UN}inUse ; pushes 1 if a program of ours runs, uses $0 and $1
    StrCpy $1 0
    !insertmacro TryToWrite Holdfast.exe
    !insertmacro TryToWrite holdfast.com
    !insertmacro TryToWrite holdfast-remote.exe
    Push $1
  FunctionEnd
  Function ${UN}refuseWhileRunning
    again:
    Call ${UN}inUse
    Pop $0
    ${If} $0 = 1
      MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(Runs)" /SD IDCANCEL IDRETRY again
      SetErrorLevel 3
      Quit
    ${EndIf}
  FunctionEnd
!macroend
!insertmacro RefuseWhileRunning ""
!insertmacro RefuseWhileRunning "un."

; A person's PATH may be longer than a string of this language, which would cut it: so it is changed in memory of our own.
!define HKCU -2147483647 ; HKEY_CURRENT_USER, with its sign, as a handle of 64 bits
!define ROOM 131072 ; bytes: what an environment may have, twice
!macro ChangePath UN
  ; Takes "add" or "remove" from the stack, and gives "" or what went wrong.
  Function ${UN}changePath
    Exch $0
    Push $1 ; the key
    Push $2 ; memory: the value
    Push $3 ; memory: the value between semicolons
    Push $4 ; its type
    Push $5 ; sizes, results
    Push $6 ; where our folder is
    Push $7
    StrCpy $7 ""
    System::Alloc ${ROOM}
    Pop $2
    System::Alloc ${ROOM}
    Pop $3
    System::Call 'advapi32::RegOpenKeyExW(p ${HKCU}, w "Environment", i 0, i 0x20006|0x20019, *p .r1) i .r5'
    ${If} $5 <> 0
      StrCpy $7 "open $5"
    ${Else}
      ; 64 KiB leave room for what is added
      System::Call 'advapi32::RegQueryValueExW(p r1, w "Path", p 0, *i .r4, p r2, *i 65536) i .r5'
      ${If} $5 = 2 ; ERROR_FILE_NOT_FOUND
        StrCpy $4 2 ; REG_EXPAND_SZ
      ${ElseIf} $5 <> 0
        StrCpy $7 "read $5"
      ${ElseIf} $4 <> 1
      ${AndIf} $4 <> 2
        StrCpy $7 "type $4"
      ${EndIf}
      ${If} $7 == ""
        System::Call 'kernel32::lstrcpyW(p r3, w ";")'
        System::Call 'kernel32::lstrcatW(p r3, p r2)'
        System::Call 'kernel32::lstrcatW(p r3, w ";")'
        System::Call 'shlwapi::StrStrIW(p r3, w ";$INSTDIR;") p .r6'
        ${If} $0 == "add"
        ${AndIf} $6 P= 0
          System::Call 'kernel32::lstrlenW(p r2) i .r5'
          ${If} $5 > 0
            System::Call 'kernel32::lstrcatW(p r2, w ";")'
          ${EndIf}
          System::Call 'kernel32::lstrcatW(p r2, w "$INSTDIR")'
          StrCpy $0 write
        ${ElseIf} $0 == "remove"
        ${AndIf} $6 P<> 0
          ; What is before it, and what is after it with the semicolon between.
          StrLen $5 ";$INSTDIR"
          IntOp $5 $5 * 2
          IntPtrOp $5 $6 + $5
          System::Call 'kernel32::lstrlenW(p r5) i .r0'
          IntOp $0 $0 + 1
          IntOp $0 $0 * 2
          System::Call 'kernel32::RtlMoveMemory(p r6, p r5, p r0)'
          System::Call 'shlwapi::StrTrimW(p r3, w ";")'
          System::Call 'kernel32::lstrcpyW(p r2, p r3)'
          StrCpy $0 write
        ${EndIf}
        ${If} $0 == write
          System::Call 'kernel32::lstrlenW(p r2) i .r5'
          ${If} $5 = 0
            System::Call 'advapi32::RegDeleteValueW(p r1, w "Path") i .r5'
          ${Else}
            IntOp $5 $5 + 1
            IntOp $5 $5 * 2
            System::Call 'advapi32::RegSetValueExW(p r1, w "Path", i 0, i r4, p r2, i r5) i .r5'
          ${EndIf}
          ${If} $5 <> 0
            StrCpy $7 "write $5"
          ${EndIf}
          SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
        ${EndIf}
      ${EndIf}
      System::Call 'advapi32::RegCloseKey(p r1)'
    ${EndIf}
    System::Free $2
    System::Free $3
    StrCpy $0 $7
    Pop $7
    Pop $6
    Pop $5
    Pop $4
    Pop $3
    Pop $2
    Pop $1
    Exch $0
  FunctionEnd
!macroend
!insertmacro ChangePath ""
!insertmacro ChangePath "un."

Section "$(Program)" SecProgram
  SectionIn RO
  Call refuseWhileRunning
  SetOutPath $INSTDIR
  File "${PARTS}\Holdfast.exe"
  File "${PARTS}\holdfast.com"
  File "${PARTS}\holdfast-remote.exe"
  File "${PARTS}\LICENSE.txt"
  File "${PARTS}\licences.txt"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  WriteRegStr HKCU "${UNINSTALL}" DisplayName Holdfast
  WriteRegStr HKCU "${UNINSTALL}" DisplayVersion "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" Publisher Holdfast
  WriteRegStr HKCU "${UNINSTALL}" DisplayIcon "$INSTDIR\Holdfast.exe"
  WriteRegStr HKCU "${UNINSTALL}" InstallLocation "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" UninstallString '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" QuietUninstallString '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" EstimatedSize ${KILOBYTES}
  WriteRegDWORD HKCU "${UNINSTALL}" NoModify 1
  WriteRegDWORD HKCU "${UNINSTALL}" NoRepair 1
SectionEnd

Section "$(StartMenu)" SecStartMenu
  CreateShortcut "$SMPROGRAMS\Holdfast.lnk" "$INSTDIR\Holdfast.exe"
SectionEnd

Section "$(CommandLine)" SecCommandLine
  Push add
  Call changePath
  Pop $0
  ${If} $0 != ""
    DetailPrint "$(NoPath) ($0)"
  ${EndIf}
  WriteRegDWORD HKCU "${UNINSTALL}" CommandLine 1
SectionEnd

; Just as the app's own setting does it: an entry that is there stays as the app wrote it.
Section /o "$(Login)" SecLogin
  ReadRegStr $0 HKCU "${RUN}" "${ID}"
  ${If} $0 == ""
    StrCpy $1 "$INSTDIR\Holdfast.exe"
    Call quoted
    StrCpy $0 $1
    StrCpy $1 "$APPDATA\holdfast"
    Call quoted
    WriteRegStr HKCU "${RUN}" "${ID}" "$0 --background --profile $1 --keyring system"
  ${EndIf}
SectionEnd

Section "-rest"
  ${IfNot} ${SectionIsSelected} ${SecLogin}
    DeleteRegValue HKCU "${RUN}" "${ID}"
  ${EndIf}
  ${IfNot} ${SectionIsSelected} ${SecStartMenu}
    Delete "$SMPROGRAMS\Holdfast.lnk"
  ${EndIf}
  ${IfNot} ${SectionIsSelected} ${SecCommandLine}
    Push remove
    Call changePath
    Pop $0
    WriteRegDWORD HKCU "${UNINSTALL}" CommandLine 0
  ${EndIf}
SectionEnd

; quoted puts $1 between quotes where it has a blank, as the app does.
Function quoted
  Push $2
  Push $3
  StrCpy $2 0
  ${Do}
    StrCpy $3 $1 1 $2
    ${If} $3 == " "
      StrCpy $1 '"$1"'
      ${Break}
    ${EndIf}
    IntOp $2 $2 + 1
  ${LoopUntil} $3 == ""
  Pop $3
  Pop $2
FunctionEnd

; select SECTION VALUE: by "0" or "1"; anything else leaves it.
!macro Select SECTION VALUE
  ${If} ${VALUE} == 1
    !insertmacro SelectSection ${SECTION}
  ${ElseIf} ${VALUE} == 0
    !insertmacro UnselectSection ${SECTION}
  ${EndIf}
!macroend

Function .onInit
  SetShellVarContext current
  ${IfNot} ${RunningX64}
  ${OrIfNot} ${AtLeastWin10}
    MessageBox MB_OK|MB_ICONSTOP "$(TooOld)" /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  ; An upgrade begins with what the person has now.
  ReadRegStr $0 HKCU "${RUN}" "${ID}"
  ${If} $0 != ""
    !insertmacro SelectSection ${SecLogin}
  ${EndIf}
  ReadRegStr $0 HKCU "${UNINSTALL}" DisplayVersion
  ${If} $0 != ""
  ${AndIfNot} ${FileExists} "$SMPROGRAMS\Holdfast.lnk"
    !insertmacro UnselectSection ${SecStartMenu}
  ${EndIf}
  ReadRegDWORD $0 HKCU "${UNINSTALL}" CommandLine
  ${If} $0 == 0
    !insertmacro UnselectSection ${SecCommandLine}
  ${EndIf}
  ${GetParameters} $1
  ClearErrors
  ${GetOptions} $1 "/LOGIN=" $0
  ${IfNot} ${Errors}
    !insertmacro Select ${SecLogin} $0
  ${EndIf}
  ClearErrors
  ${GetOptions} $1 "/PATH=" $0
  ${IfNot} ${Errors}
    !insertmacro Select ${SecCommandLine} $0
  ${EndIf}
FunctionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${SecProgram} "$(ProgramIs)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecStartMenu} "$(StartMenuIs)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecCommandLine} "$(CommandLineIs)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecLogin} "$(LoginIs)"
!insertmacro MUI_FUNCTION_DESCRIPTION_END

Function un.onInit
  SetShellVarContext current
FunctionEnd

Section Uninstall
  Call un.refuseWhileRunning
  Push remove
  Call un.changePath
  Pop $0
  DeleteRegValue HKCU "${RUN}" "${ID}"
  Delete "$SMPROGRAMS\Holdfast.lnk"
  Delete "$INSTDIR\Holdfast.exe"
  Delete "$INSTDIR\holdfast.com"
  Delete "$INSTDIR\holdfast-remote.exe"
  Delete "$INSTDIR\LICENSE.txt"
  Delete "$INSTDIR\licences.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR" ; only when nothing else is in it
  DeleteRegKey HKCU "${UNINSTALL}"
  DetailPrint "$(Left)"
SectionEnd
