/* Faults on demand between a process and its file system. When preloaded, it counts the calls that change something
 * under one folder, logs each, and makes the Nth fail, or ends the process there as `kill -9` does. Linux only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];
static long calls, fault_at;
static int fault_error, fault_lasts, log_handle = -1;

/* From now on, call number `at` (from 1; 0: none) under the folder `where` fails with `error`, or ends the process by
 * SIGKILL if `error` is 0; with `lasts`, so does every later call. Each call is appended to the file `log`. */
void faults_arm(const char *where, long at, int error, int lasts, const char *log)
{
    log_handle = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    calls = 0;
    fault_at = at;
    fault_error = error;
    fault_lasts = lasts;
    snprintf(folder, sizeof folder, "%s/", where);
}

static const char *link_of(const char *format, int handle, char *path)
{
    char name[64];
    snprintf(name, sizeof name, format, handle);
    const ssize_t length = readlink(name, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static const char *full(int at, const char *path, char *whole)
{
    char base[PATH_MAX];
    if (path[0] == '/')
        return path;
    link_of(at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at, base);
    snprintf(whole, 2 * PATH_MAX, "%s/%s", base, path);
    return whole;
}

/* Whether this call fails; a removal never does, because it succeeds even on a full disk. */
static int faulty(const char *what, const char *path, const char *other, int removes)
{
    if (!folder[0] || strncmp(path, folder, strlen(folder)))
        return 0;
    calls++;
    const int now = fault_at && (calls == fault_at || (fault_lasts && calls > fault_at));
    dprintf(log_handle, "%s\t%s\t%s\n", what, path + strlen(folder), other + (other[0] ? strlen(folder) : 0));
    if (now && !fault_error)
        kill(getpid(), SIGKILL);
    if (!now || removes)
        return 0;
    errno = fault_error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* A file without a name, which filelock opens to learn what the file system can do, changes no folder. */
#define ANONYMOUS(flags) (((flags) & O_TMPFILE) == O_TMPFILE)
#define CHANGES(flags) (!ANONYMOUS(flags) && (flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
#define MODE                                                                                                           \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                      \
    va_end(rest)

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        MODE;                                                                                                          \
        char whole[2 * PATH_MAX];                                                                                      \
        if (CHANGES(flags) && faulty("open", full(AT_FDCWD, path, whole), "", 0))                                      \
            return -1;                                                                                                 \
        return REAL(name)(path, flags, mode);                                                                          \
    }
OPEN(open)
OPEN(open64)

#define OPEN_AT(name)                                                                                                  \
    int name(int at, const char *path, int flags, ...)                                                                 \
    {                                                                                                                  \
        MODE;                                                                                                          \
        char whole[2 * PATH_MAX];                                                                                      \
        if (CHANGES(flags) && faulty("open", full(at, path, whole), "", 0))                                            \
            return -1;                                                                                                 \
        return REAL(name)(at, path, flags, mode);                                                                      \
    }
OPEN_AT(openat)
OPEN_AT(openat64)

/* A write that fails is torn: half of it is written. */
ssize_t write(int handle, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    if (folder[0] && faulty("write", link_of("/proc/self/fd/%d", handle, path), "", 0)) {
        const int error = errno;
        (void)!REAL(write)(handle, bytes, size / 2);
        errno = error;
        return -1;
    }
    return REAL(write)(handle, bytes, size);
}

int fsync(int handle)
{
    char path[PATH_MAX + 1];
    if (folder[0]) {
        link_of("/proc/self/fd/%d", handle, path);
        struct stat status;
        if (!fstat(handle, &status) && S_ISDIR(status.st_mode))
            strcat(path, "/"); /* the watched folder itself counts too */
        if (faulty("fsync", path, "", 0))
            return -1;
    }
    return REAL(fsync)(handle);
}

int rename(const char *from, const char *to)
{
    char whole[2 * PATH_MAX], other[2 * PATH_MAX];
    if (faulty("rename", full(AT_FDCWD, from, whole), full(AT_FDCWD, to, other), 0))
        return -1;
    return REAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    char whole[2 * PATH_MAX];
    struct stat status;
    if (stat(path, &status) && faulty("mkdir", full(AT_FDCWD, path, whole), "", 0))
        return -1;
    return REAL(mkdir)(path, mode);
}

int chmod(const char *path, mode_t mode)
{
    char whole[2 * PATH_MAX];
    if (faulty("chmod", full(AT_FDCWD, path, whole), "", 0))
        return -1;
    return REAL(chmod)(path, mode);
}

int unlink(const char *path)
{
    char whole[2 * PATH_MAX];
    faulty("remove", full(AT_FDCWD, path, whole), "", 1);
    return REAL(unlink)(path);
}

int rmdir(const char *path)
{
    char whole[2 * PATH_MAX];
    faulty("remove", full(AT_FDCWD, path, whole), "", 1);
    return REAL(rmdir)(path);
}

int unlinkat(int at, const char *path, int flags)
{
    char whole[2 * PATH_MAX];
    faulty("remove", full(at, path, whole), "", 1);
    return REAL(unlinkat)(at, path, flags);
}
