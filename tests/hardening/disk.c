/* A disk that fails, or gives and takes little at a time: put it before a program's own calls with LD_PRELOAD.

   DISK_FILES  what the paths of the files on it contain; all do where it is empty
   DISK_CALLS  which calls it is bad at: read, write, fsync, or several
   DISK_AFTER  the byte of each file from which on they fail with EIO; without it none does
   DISK_UNTIL  the byte from which on they do not; without it they fail to the end
   DISK_PIECE  how many bytes it moves at a time, at most
*/

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_bad(int fd, const char *call) {
    const char *files = getenv("DISK_FILES"), *calls = getenv("DISK_CALLS");
    char link[64], path[4096] = "";
    if (files == NULL || calls == NULL || strstr(calls, call) == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, files) != NULL;
}

static size_t number(const char *name) {
    const char *text = getenv(name);
    return text ? (size_t)atol(text) : (size_t)-1;
}

static off_t position(int fd) {
    struct stat status;
    if (fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &status) == 0) return status.st_size;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at < 0 ? 0 : at; /* a pipe has none */
}

/* How many bytes it moves, 0 where it fails. */
static size_t granted(size_t size, off_t at) {
    size_t piece = number("DISK_PIECE"), after = number("DISK_AFTER"), start = at;
    if (size > piece) size = piece;
    if (start >= number("DISK_UNTIL")) return size;
    return start >= after ? 0 : size > after - start ? after - start : size;
}

ssize_t read(int fd, void *data, size_t size) {
    if (size && is_bad(fd, "read") && (size = granted(size, position(fd))) == 0) return errno = EIO, -1;
    return REAL(read)(fd, data, size);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at) {
    if (size && is_bad(fd, "read") && (size = granted(size, at)) == 0) return errno = EIO, -1;
    return REAL(pread64)(fd, data, size, at);
}

ssize_t pread(int fd, void *data, size_t size, off_t at) { return pread64(fd, data, size, at); }

ssize_t write(int fd, const void *data, size_t size) {
    if (size && is_bad(fd, "write") && (size = granted(size, position(fd))) == 0) return errno = EIO, -1;
    return REAL(write)(fd, data, size);
}

int fsync(int fd) { return is_bad(fd, "fsync") ? (errno = EIO, -1) : REAL(fsync)(fd); }

/* What is mapped does not fail with EIO: who touches it is killed. */
void *mmap64(void *where, size_t size, int protection, int flags, int fd, off64_t at) {
    void *mapped = REAL(mmap64)(where, size, protection, flags, fd, at);
    size_t page = sysconf(_SC_PAGESIZE), sound = number("DISK_AFTER") / page * page;
    if (mapped != MAP_FAILED && fd >= 0 && is_bad(fd, "read") && sound < size)
        mprotect((char *)mapped + sound, number("DISK_UNTIL") < size ? page : size - sound, PROT_NONE);
    return mapped;
}

void *mmap(void *where, size_t size, int protection, int flags, int fd, off_t at) {
    return mmap64(where, size, protection, flags, fd, at);
}
