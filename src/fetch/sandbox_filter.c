/* SPDX-License-Identifier: MIT */

/*
 * A filter looks at the number of a system call and the low halves of its arguments:
 *
 *     other machine?          -> killed
 *     number of a rule?       -> argument compared, if the rule says so -> its errno
 *     none                    -> allowed
 *
 * What is not listed is allowed, so that a libc, libcurl or OpenSSL that asks for
 * something new still works; the rest is for Landlock and the missing privileges.
 */

#include "fetch/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fetch/sandbox_calls.h"

#if defined(__x86_64__) && !defined(__ILP32__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARM_EABI__)
#define MACHINE AUDIT_ARCH_ARM
#elif defined(__i386__)
#define MACHINE AUDIT_ARCH_I386
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#endif

#define MAX_STEPS 1024

typedef struct {
	struct sock_filter steps[MAX_STEPS];
	unsigned short n;
} Filter;

/* How an argument decides whether a call is refused. */
typedef enum {
	ALWAYS,
	IS,       /* it is `value` */
	IS_NOT,   /* it is not */
	HAS_ANY,  /* it has one of its bits */
	HAS_NONE, /* it has none */
} Test;

static void step(Filter *filter, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t value)
{
	g_assert(filter->n < MAX_STEPS);
	filter->steps[filter->n++] = (struct sock_filter){ code, if_true, if_false, value };
}

static void load(Filter *filter, size_t offset)
{
	step(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static size_t low_half_of(unsigned argument)
{
	size_t at = offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t);

	return G_BYTE_ORDER == G_BIG_ENDIAN ? at + 4 : at;
}

/* Call `number` ends with `error` where its argument is so; loads the number again behind it. */
static void refuse_if(Filter *filter, long number, unsigned argument, Test test, uint32_t value,
                      int error)
{
	uint16_t jump = test == HAS_ANY || test == HAS_NONE ? BPF_JSET : BPF_JEQ;
	bool is_true = test == IS || test == HAS_ANY;
	uint32_t refuse = SECCOMP_RET_ERRNO | (uint32_t)error;

	if (test == ALWAYS) {
		step(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)number);
		step(filter, BPF_RET | BPF_K, 0, 0, refuse);
		return;
	}
	step(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)number);
	load(filter, low_half_of(argument));
	step(filter, BPF_JMP | jump | BPF_K, is_true ? 0 : 1, is_true ? 1 : 0, value);
	step(filter, BPF_RET | BPF_K, 0, 0, refuse);
	load(filter, offsetof(struct seccomp_data, nr));
}

#ifdef MACHINE

static void begin(Filter *filter)
{
	filter->n = 0;
	load(filter, offsetof(struct seccomp_data, arch));
	step(filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, MACHINE);
	step(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	load(filter, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__ /* the same calls under other numbers (x32) */
	step(filter, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);
	step(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
#endif
}

static bool install(Filter *filter)
{
	struct sock_fprog program = { .filter = filter->steps };

	step(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	program.len = filter->n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Threads yes (libcurl resolves names in one), processes no. */
static void refuse_processes(Filter *filter)
{
	refuse_if(filter, __NR_clone, 0, HAS_NONE, CLONE_THREAD, EPERM);
#ifdef __NR_clone3 /* its flags are in memory; the C library then takes clone */
	refuse_if(filter, __NR_clone3, 0, ALWAYS, 0, ENOSYS);
#endif
	refuse_if(filter, __NR_tgkill, 0, IS_NOT, (uint32_t)getpid(), EPERM);
}

/* Allowed families one by one: what remains is refused. */
static void refuse_sockets(Filter *filter)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	unsigned n = G_N_ELEMENTS(families);

	step(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(n + 3), __NR_socket);
	load(filter, low_half_of(0));
	for (unsigned i = 0; i < n; i++)
		step(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(n - i), 0, (uint32_t)families[i]);
	step(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
	load(filter, offsetof(struct seccomp_data, nr));
}

bool sandbox_filter_calls(void)
{
	Filter filter;
	unsigned n;
	const int *calls = sandbox_calls(&n);

	begin(&filter);
	for (unsigned i = 0; i < n; i++)
		refuse_if(&filter, calls[i], 0, ALWAYS, 0, EPERM);
	refuse_processes(&filter);
	refuse_sockets(&filter);
	/* Typing into the terminal that shows our messages. */
	refuse_if(&filter, __NR_ioctl, 1, IS, TIOCSTI, EPERM);
	refuse_if(&filter, __NR_ioctl, 1, IS, 0x541c, EPERM); /* TIOCLINUX */
	return install(&filter);
}

bool sandbox_filter_writing(void)
{
	const uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
	Filter filter;

	begin(&filter);
#ifdef __NR_open
	refuse_if(&filter, __NR_open, 1, HAS_ANY, writing, EACCES);
#endif
	refuse_if(&filter, __NR_openat, 2, HAS_ANY, writing, EACCES);
#ifdef __NR_openat2
	refuse_if(&filter, __NR_openat2, 0, ALWAYS, 0, ENOSYS);
#endif
#ifdef __NR_creat
	refuse_if(&filter, __NR_creat, 0, ALWAYS, 0, EACCES);
#endif
	return install(&filter);
}

#else

bool sandbox_filter_calls(void)
{
	errno = ENOSYS;
	return false;
}

bool sandbox_filter_writing(void)
{
	errno = ENOSYS;
	return false;
}

#endif
