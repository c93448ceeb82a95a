// SPDX-License-Identifier: MIT OR Apache-2.0
// The same starts as a C program would write them, with nothing around: the limits that skep is measured against.
// Each starts `path`, waits for its end, and answers 0, or a negative error number.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const no_strings[] = {NULL};

static int wait_for(pid_t pid) {
    int status;
    if (pid < 0) return -errno;
    while (waitpid(pid, &status, __WALL) < 0)
        if (errno != EINTR) return -errno;
    return status == 0 ? 0 : -ECHILD;
}

int raw_vfork(const char *path) {
    char *const argv[] = {(char *)path, NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execve(path, argv, no_strings);
        _exit(127);
    }
    return wait_for(pid);
}

// A copy of the caller, as fork(2) makes it, in new namespaces.
int raw_clone3_copy(const char *path, uint64_t namespaces) {
    char *const argv[] = {(char *)path, NULL};
    struct clone_args args;
    memset(&args, 0, sizeof args);
    args.flags = namespaces;
    args.exit_signal = SIGCHLD;
    pid_t pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        execve(path, argv, no_strings);
        _exit(127);
    }
    return wait_for(pid);
}

// The memory-sharing form, in new namespaces: the least that the kernel can be asked for.
int raw_clone3_vfork(const char *path, uint64_t namespaces) {
#if defined(__x86_64__)
    char *const argv[] = {(char *)path, NULL};
    static char stack[4096] __attribute__((aligned(16)));
    struct clone_args args;
    memset(&args, 0, sizeof args);
    args.flags = namespaces | CLONE_VM | CLONE_VFORK;
    args.exit_signal = SIGCHLD;
    args.stack = (uint64_t)(uintptr_t)stack;
    args.stack_size = sizeof stack;
    long pid;
    // The child executes at once; it needs its registers and no stack.
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "mov $59, %%eax\n\t"
        "mov %[path], %%rdi\n\t"
        "mov %[argv], %%rsi\n\t"
        "mov %[envp], %%rdx\n\t"
        "syscall\n\t"
        "mov $231, %%eax\n\t"
        "mov $127, %%edi\n\t"
        "syscall\n\t"
        "1:"
        : "=a"(pid)
        : "a"(SYS_clone3), "D"(&args), "S"(sizeof args), [path] "r"(path), [argv] "r"(argv), [envp] "r"(no_strings)
        : "rcx", "r11", "rdx", "memory");
    if (pid < 0) return (int)pid;
    return wait_for((pid_t)pid);
#else
    (void)path, (void)namespaces;
    return -ENOSYS;
#endif
}
