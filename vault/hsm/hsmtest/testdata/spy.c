/* A PKCS#11 module for tests: it notes when it is loaded and when somebody
 * logs in, and passes every call on to a real module. A token there with the label
 * "behind-x" shows here as "x", so that the two modules' tokens are not mixed up.
 * It is for the test that built it and that test's children alone, as the environment
 * says: to other processes, which find it in the computer's configuration too, it is a
 * module that fails. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long CK_ULONG;
typedef struct { unsigned char major, minor; } CK_VERSION;
typedef CK_ULONG (*call)(void);
/* PKCS#11 2.40, section 3.6: 68 functions, of which C_GetFunctionList is 3, C_GetTokenInfo 6 and C_Login 18. */
struct functions { CK_VERSION version; call f[68]; };
typedef CK_ULONG (*get_list)(struct functions **);
typedef CK_ULONG (*login_call)(CK_ULONG, CK_ULONG, unsigned char *, CK_ULONG);

typedef CK_ULONG (*info_call)(CK_ULONG, void *);
#define BEHIND "behind-"
enum { LABEL = 32 }; /* bytes, padded with blanks, first in CK_TOKEN_INFO */

static struct functions list;
static info_call real_info;
static login_call real_login;

static int ours(void) {
	const char *log = getenv("HOLDFAST_TEST_TRAPS");
	return log != NULL && strcmp(log, SPY_LOG) == 0;
}

static CK_ULONG refuse(void) { return 5; } /* CKR_GENERAL_ERROR */

static void note(const char *what) {
	if (!ours()) return;
	int fd = open(SPY_LOG, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd >= 0) {
		if (write(fd, what, strlen(what)) < 0) abort();
		close(fd);
	}
}

__attribute__((constructor)) static void loaded(void) { note("loaded\n"); }

static CK_ULONG login(CK_ULONG session, CK_ULONG user, unsigned char *pin, CK_ULONG bytes) {
	note("login\n");
	return real_login(session, user, pin, bytes);
}

static CK_ULONG info(CK_ULONG slot, void *out) {
	CK_ULONG rv = real_info(slot, out);
	char *label = out;
	size_t n = strlen(BEHIND);
	if (rv == 0 && memcmp(label, BEHIND, n) == 0) {
		memmove(label, label + n, LABEL - n);
		memset(label + LABEL - n, ' ', n);
	}
	return rv;
}

CK_ULONG C_GetFunctionList(struct functions **out);

CK_ULONG C_GetFunctionList(struct functions **out) {
	if (!ours()) {
		for (int i = 0; i < 68; i++) list.f[i] = refuse;
		list.f[3] = (call)C_GetFunctionList;
	} else if (list.f[0] == NULL) {
		void *library = dlopen(SPY_REAL, RTLD_NOW | RTLD_LOCAL);
		struct functions *real;
		get_list get = library ? (get_list)dlsym(library, "C_GetFunctionList") : NULL;
		if (get == NULL || get(&real) != 0) return 5; /* CKR_GENERAL_ERROR */
		list = *real;
		real_login = (login_call)real->f[18];
		real_info = (info_call)real->f[6];
		list.f[6] = (call)info;
		list.f[3] = (call)C_GetFunctionList;
		list.f[18] = (call)login;
	}
	*out = &list;
	return 0;
}
