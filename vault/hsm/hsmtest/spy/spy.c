/* A PKCS#11 module that forwards to another one, counts calls, and breaks or hangs them as a test says.
   SPY_MODULE names the other one, SPY_CONTROL a file of 64-bit words that test and spy share; see spy.go. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CK_PTR *
#define NULL_PTR 0
#define CK_DEFINE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#include "pkcs11.h"

enum { RELEASE = 0, ANY = 8, FUNCTIONS = 16, STRIDE = 8 };
enum { CALLS, ACTION, SKIP, TIMES, CODE, HANGING, SUCCEEDED };
enum { NOTHING, FAIL_BEFORE, FAIL_AFTER, HANG, HANG_AND_FAIL };

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST spied;
static _Atomic uint64_t *_Atomic control;

/* takes says whether a rule applies to this call. */
static int takes(_Atomic uint64_t *rule, int *action, CK_RV *code) {
	uint64_t n;
	if (!atomic_load(&rule[ACTION])) return 0;
	n = atomic_load(&rule[SKIP]);
	while (n > 0)
		if (atomic_compare_exchange_weak(&rule[SKIP], &n, n - 1)) return 0;
	n = atomic_load(&rule[TIMES]); /* UINT64_MAX: always */
	do {
		if (n == 0) return 0;
	} while (n != UINT64_MAX && !atomic_compare_exchange_weak(&rule[TIMES], &n, n - 1));
	*action = atomic_load(&rule[ACTION]);
	*code = atomic_load(&rule[CODE]);
	return 1;
}

static _Atomic uint64_t *before(int function, int *action, CK_RV *code) {
	_Atomic uint64_t *all = atomic_load(&control), *mine;
	*action = NOTHING;
	*code = CKR_OK;
	if (!all) return NULL;
	mine = all + FUNCTIONS + function * STRIDE;
	atomic_fetch_add(&mine[CALLS], 1);
	uint64_t release = atomic_load(&all[RELEASE]);
	if (!takes(mine, action, code)) takes(all + ANY, action, code);
	if (*action == HANG || *action == HANG_AND_FAIL) {
		atomic_fetch_add(&mine[HANGING], 1);
		while (atomic_load(&all[RELEASE]) == release) usleep(500);
		atomic_fetch_sub(&mine[HANGING], 1);
	}
	return mine;
}

static CK_RV after(_Atomic uint64_t *mine, int action, CK_RV code, CK_RV result) {
	if (mine && result == CKR_OK) atomic_fetch_add(&mine[SUCCEEDED], 1);
	return action == FAIL_AFTER ? code : result;
}

#define SPY(number, name, parameters, arguments)                              \
	static CK_RV spy_##name parameters {                                      \
		int action;                                                           \
		CK_RV code;                                                           \
		_Atomic uint64_t *mine = before(number, &action, &code);              \
		if (action == FAIL_BEFORE || action == HANG_AND_FAIL) return code;    \
		return after(mine, action, code, real->name arguments);               \
	}

SPY(1, C_GetSlotList, (CK_BBOOL p, CK_SLOT_ID_PTR l, CK_ULONG_PTR n), (p, l, n))
SPY(2, C_GetTokenInfo, (CK_SLOT_ID s, CK_TOKEN_INFO_PTR i), (s, i))
SPY(3, C_OpenSession, (CK_SLOT_ID s, CK_FLAGS f, CK_VOID_PTR a, CK_NOTIFY n, CK_SESSION_HANDLE_PTR h), (s, f, a, n, h))
SPY(4, C_CloseSession, (CK_SESSION_HANDLE h), (h))
SPY(5, C_Login, (CK_SESSION_HANDLE h, CK_USER_TYPE u, CK_UTF8CHAR_PTR p, CK_ULONG n), (h, u, p, n))
SPY(6, C_FindObjectsInit, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n), (h, a, n))
SPY(7, C_FindObjects, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR o, CK_ULONG m, CK_ULONG_PTR n), (h, o, m, n))
SPY(8, C_FindObjectsFinal, (CK_SESSION_HANDLE h), (h))
SPY(9, C_GetAttributeValue, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n), (h, o, a, n))
SPY(10, C_SetAttributeValue, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n), (h, o, a, n))
SPY(11, C_GenerateKeyPair, (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_ATTRIBUTE_PTR b, CK_ULONG k, CK_OBJECT_HANDLE_PTR p, CK_OBJECT_HANDLE_PTR q), (h, m, a, n, b, k, p, q))
SPY(12, C_DeriveKey, (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_OBJECT_HANDLE_PTR p), (h, m, o, a, n, p))
SPY(13, C_CreateObject, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_OBJECT_HANDLE_PTR p), (h, a, n, p))
SPY(14, C_DestroyObject, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o), (h, o))

static CK_RV spy_C_Initialize(CK_VOID_PTR p) {
	const char *path = getenv("SPY_CONTROL");
	int fd = path ? open(path, O_RDWR) : -1;
	void *m = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int action;
	CK_RV code;
	_Atomic uint64_t *mine;
	if (fd >= 0) close(fd);
	if (m != MAP_FAILED) atomic_store(&control, m); /* the old one stays: a call may hang on it */
	mine = before(0, &action, &code);
	if (action == FAIL_BEFORE || action == HANG_AND_FAIL) return code;
	return after(mine, action, code, real->C_Initialize(p));
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
	if (!real) {
		void *module = dlopen(getenv("SPY_MODULE"), RTLD_NOW | RTLD_LOCAL);
		CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR) = module ? (CK_RV(*)(CK_FUNCTION_LIST_PTR_PTR))dlsym(module, "C_GetFunctionList") : NULL;
		if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
		spied = *real;
		spied.C_Initialize = spy_C_Initialize;
		spied.C_GetSlotList = spy_C_GetSlotList;
		spied.C_GetTokenInfo = spy_C_GetTokenInfo;
		spied.C_OpenSession = spy_C_OpenSession;
		spied.C_CloseSession = spy_C_CloseSession;
		spied.C_Login = spy_C_Login;
		spied.C_FindObjectsInit = spy_C_FindObjectsInit;
		spied.C_FindObjects = spy_C_FindObjects;
		spied.C_FindObjectsFinal = spy_C_FindObjectsFinal;
		spied.C_GetAttributeValue = spy_C_GetAttributeValue;
		spied.C_SetAttributeValue = spy_C_SetAttributeValue;
		spied.C_GenerateKeyPair = spy_C_GenerateKeyPair;
		spied.C_DeriveKey = spy_C_DeriveKey;
		spied.C_CreateObject = spy_C_CreateObject;
		spied.C_DestroyObject = spy_C_DestroyObject;
	}
	*list = &spied;
	return CKR_OK;
}
