/* bcryptprimitives.dll for Wine 8, which has none: Go takes its random numbers from it. RtlGenRandom gives them there. Only the test uses it. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
