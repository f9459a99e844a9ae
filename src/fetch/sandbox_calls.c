/* SPDX-License-Identifier: MIT */

#include "fetch/sandbox_calls.h"

#include <glib.h>
#include <sys/syscall.h>

/* No machine has all of them, and no C library's headers know those of newer kernels. */
static const int calls[] = {
/* Programs and processes. */
#ifdef __NR_execve
	__NR_execve,
#endif
#ifdef __NR_execveat
	__NR_execveat,
#endif
#ifdef __NR_fork
	__NR_fork,
#endif
#ifdef __NR_vfork
	__NR_vfork,
#endif
#ifdef __NR_kill
	__NR_kill,
#endif
#ifdef __NR_tkill
	__NR_tkill,
#endif
#ifdef __NR_rt_sigqueueinfo
	__NR_rt_sigqueueinfo,
#endif
#ifdef __NR_rt_tgsigqueueinfo
	__NR_rt_tgsigqueueinfo,
#endif
#ifdef __NR_pidfd_open
	__NR_pidfd_open,
#endif
#ifdef __NR_pidfd_getfd
	__NR_pidfd_getfd,
#endif
#ifdef __NR_pidfd_send_signal
	__NR_pidfd_send_signal,
#endif
#ifdef __NR_ptrace
	__NR_ptrace,
#endif
#ifdef __NR_process_vm_readv
	__NR_process_vm_readv,
#endif
#ifdef __NR_process_vm_writev
	__NR_process_vm_writev,
#endif
#ifdef __NR_process_madvise
	__NR_process_madvise,
#endif
#ifdef __NR_kcmp
	__NR_kcmp,
#endif
#ifdef __NR_personality
	__NR_personality,
#endif
#ifdef __NR_unshare
	__NR_unshare,
#endif
#ifdef __NR_setns
	__NR_setns,
#endif
#ifdef __NR_userfaultfd
	__NR_userfaultfd,
#endif
#ifdef __NR_perf_event_open
	__NR_perf_event_open,
#endif
#ifdef __NR_bpf
	__NR_bpf,
#endif
/* Names in folders, and what is said of files. */
#ifdef __NR_unlink
	__NR_unlink,
#endif
#ifdef __NR_unlinkat
	__NR_unlinkat,
#endif
#ifdef __NR_rename
	__NR_rename,
#endif
#ifdef __NR_renameat
	__NR_renameat,
#endif
#ifdef __NR_renameat2
	__NR_renameat2,
#endif
#ifdef __NR_link
	__NR_link,
#endif
#ifdef __NR_linkat
	__NR_linkat,
#endif
#ifdef __NR_symlink
	__NR_symlink,
#endif
#ifdef __NR_symlinkat
	__NR_symlinkat,
#endif
#ifdef __NR_mkdir
	__NR_mkdir,
#endif
#ifdef __NR_mkdirat
	__NR_mkdirat,
#endif
#ifdef __NR_rmdir
	__NR_rmdir,
#endif
#ifdef __NR_mknod
	__NR_mknod,
#endif
#ifdef __NR_mknodat
	__NR_mknodat,
#endif
#ifdef __NR_truncate
	__NR_truncate,
#endif
#ifdef __NR_truncate64
	__NR_truncate64,
#endif
#ifdef __NR_chmod
	__NR_chmod,
#endif
#ifdef __NR_fchmod
	__NR_fchmod,
#endif
#ifdef __NR_fchmodat
	__NR_fchmodat,
#endif
#ifdef __NR_fchmodat2
	__NR_fchmodat2,
#endif
#ifdef __NR_chown
	__NR_chown,
#endif
#ifdef __NR_fchown
	__NR_fchown,
#endif
#ifdef __NR_lchown
	__NR_lchown,
#endif
#ifdef __NR_fchownat
	__NR_fchownat,
#endif
#ifdef __NR_chown32
	__NR_chown32,
#endif
#ifdef __NR_fchown32
	__NR_fchown32,
#endif
#ifdef __NR_lchown32
	__NR_lchown32,
#endif
#ifdef __NR_utime
	__NR_utime,
#endif
#ifdef __NR_utimes
	__NR_utimes,
#endif
#ifdef __NR_utimensat
	__NR_utimensat,
#endif
#ifdef __NR_futimesat
	__NR_futimesat,
#endif
#ifdef __NR_setxattr
	__NR_setxattr,
#endif
#ifdef __NR_lsetxattr
	__NR_lsetxattr,
#endif
#ifdef __NR_fsetxattr
	__NR_fsetxattr,
#endif
#ifdef __NR_removexattr
	__NR_removexattr,
#endif
#ifdef __NR_lremovexattr
	__NR_lremovexattr,
#endif
#ifdef __NR_fremovexattr
	__NR_fremovexattr,
#endif
#ifdef __NR_name_to_handle_at
	__NR_name_to_handle_at,
#endif
#ifdef __NR_open_by_handle_at
	__NR_open_by_handle_at,
#endif
/* File systems and the machine. */
#ifdef __NR_mount
	__NR_mount,
#endif
#ifdef __NR_umount
	__NR_umount,
#endif
#ifdef __NR_umount2
	__NR_umount2,
#endif
#ifdef __NR_mount_setattr
	__NR_mount_setattr,
#endif
#ifdef __NR_move_mount
	__NR_move_mount,
#endif
#ifdef __NR_open_tree
	__NR_open_tree,
#endif
#ifdef __NR_fsopen
	__NR_fsopen,
#endif
#ifdef __NR_fsconfig
	__NR_fsconfig,
#endif
#ifdef __NR_fsmount
	__NR_fsmount,
#endif
#ifdef __NR_fspick
	__NR_fspick,
#endif
#ifdef __NR_pivot_root
	__NR_pivot_root,
#endif
#ifdef __NR_chroot
	__NR_chroot,
#endif
#ifdef __NR_swapon
	__NR_swapon,
#endif
#ifdef __NR_swapoff
	__NR_swapoff,
#endif
#ifdef __NR_quotactl
	__NR_quotactl,
#endif
#ifdef __NR_quotactl_fd
	__NR_quotactl_fd,
#endif
#ifdef __NR_acct
	__NR_acct,
#endif
#ifdef __NR_reboot
	__NR_reboot,
#endif
#ifdef __NR_kexec_load
	__NR_kexec_load,
#endif
#ifdef __NR_kexec_file_load
	__NR_kexec_file_load,
#endif
#ifdef __NR_init_module
	__NR_init_module,
#endif
#ifdef __NR_finit_module
	__NR_finit_module,
#endif
#ifdef __NR_delete_module
	__NR_delete_module,
#endif
#ifdef __NR_syslog
	__NR_syslog,
#endif
#ifdef __NR_sethostname
	__NR_sethostname,
#endif
#ifdef __NR_setdomainname
	__NR_setdomainname,
#endif
#ifdef __NR_settimeofday
	__NR_settimeofday,
#endif
#ifdef __NR_clock_settime
	__NR_clock_settime,
#endif
#ifdef __NR_clock_settime64
	__NR_clock_settime64,
#endif
#ifdef __NR_clock_adjtime
	__NR_clock_adjtime,
#endif
#ifdef __NR_clock_adjtime64
	__NR_clock_adjtime64,
#endif
#ifdef __NR_adjtimex
	__NR_adjtimex,
#endif
#ifdef __NR_stime
	__NR_stime,
#endif
#ifdef __NR_iopl
	__NR_iopl,
#endif
#ifdef __NR_ioperm
	__NR_ioperm,
#endif
#ifdef __NR_fanotify_init
	__NR_fanotify_init,
#endif
/* Being a server; other ways to talk. */
#ifdef __NR_listen
	__NR_listen,
#endif
#ifdef __NR_accept
	__NR_accept,
#endif
#ifdef __NR_accept4
	__NR_accept4,
#endif
#ifdef __NR_io_uring_setup
	__NR_io_uring_setup,
#endif
#ifdef __NR_io_uring_enter
	__NR_io_uring_enter,
#endif
#ifdef __NR_io_uring_register
	__NR_io_uring_register,
#endif
#ifdef __NR_shmget
	__NR_shmget,
#endif
#ifdef __NR_shmat
	__NR_shmat,
#endif
#ifdef __NR_msgget
	__NR_msgget,
#endif
#ifdef __NR_semget
	__NR_semget,
#endif
#ifdef __NR_mq_open
	__NR_mq_open,
#endif
#ifdef __NR_add_key
	__NR_add_key,
#endif
#ifdef __NR_request_key
	__NR_request_key,
#endif
#ifdef __NR_keyctl
	__NR_keyctl,
#endif
};

const int *sandbox_calls(unsigned *n)
{
	*n = G_N_ELEMENTS(calls);
	return calls;
}
