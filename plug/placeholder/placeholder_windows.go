package placeholder

import "golang.org/x/sys/windows"

// disguise is PHCM_DISGUISE_PLACEHOLDER.
const disguise = 1

// Disguise holds for this process (RtlSetProcessPlaceholderCompatibilityMode, Windows 10 1803 and later). Before that version there is no
// such call, and clouds leave their files to be seen as they are.
func Disguise() {
	set := windows.NewLazySystemDLL("ntdll.dll").NewProc("RtlSetProcessPlaceholderCompatibilityMode")
	if set.Find() == nil {
		_, _, _ = set.Call(disguise) // its answer is the mode before
	}
}
