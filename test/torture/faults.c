/*
 * Trouble for one process, by LD_PRELOAD: a sick disk under one folder, a wall clock that is off, and death in the middle
 * of a write. What is wrong just now stands in a small file that is mapped, so that it can be changed at any time, and
 * that also counts what was done. Everything else goes through as it is.
 *
 *   PODIOD_TORTURE_CONTROL  the file (struct control, as test/torture/faults.ts writes it)
 *   PODIOD_TORTURE_FOLDER   the folder whose files are on the sick disk
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITES = 1, FLUSHES = 2, TRUNCATES = 4, READS = 8 };

struct control {
  volatile int64_t error;    /* the errno that calls fail with; 0: none */
  volatile int64_t calls;    /* which calls, as a sum of the above */
  volatile int64_t permille; /* how many of them */
  volatile int64_t flush_ms; /* how much longer a flush takes */
  volatile int64_t clock_ms; /* how far off the wall clock is */
  int64_t die_in;            /* the so-manieth write or flush of the database or its log is the last; 0: none */
  int64_t failed;            /* calls that were made to fail */
  int64_t died;              /* deaths in a write or flush */
  volatile int64_t hold;     /* flushes of the database or its log do not end while this is not 0 */
  int64_t flushes;           /* of the database or its log, begun */
};

static struct control *control;
static const char *folder;
static size_t folder_length;

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_pread64)(int, void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_ftruncate64)(int, off64_t);

static void find(void) {
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
  real_pread = dlsym(RTLD_NEXT, "pread");
  real_pread64 = dlsym(RTLD_NEXT, "pread64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_ftruncate64 = dlsym(RTLD_NEXT, "ftruncate64");
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("PODIOD_TORTURE_CONTROL");
  find();
  folder = getenv("PODIOD_TORTURE_FOLDER");
  if (!path || !folder) return;
  folder_length = strlen(folder);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) control = mapped;
}

/* Its path where the file is on the sick disk. Asked of the kernel each time: descriptors are closed behind our back. */
static const char *sick(int fd, char *path, size_t size) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  return strncmp(path, folder, folder_length) == 0 && path[folder_length] == '/' ? path : NULL;
}

static int is_database(const char *path) {
  const char *name = path + folder_length + 1;
  return strcmp(name, "podiod.db") == 0 || strcmp(name, "podiod.db-wal") == 0;
}

static int by_chance(int64_t permille) {
  static uint32_t turn;
  uint32_t n = __atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED) * 2654435761u;
  n ^= n >> 15;
  return n % 1000 < permille;
}

/* Whether this call is to fail; errno is set then. */
static int fails(const char *path, int what) {
  if (control->error == 0 || !(control->calls & what) || !path || !by_chance(control->permille)) return 0;
  __atomic_add_fetch(&control->failed, 1, __ATOMIC_RELAXED);
  errno = (int)control->error;
  return 1;
}

/* Whether this write or flush is the one to die in. */
static int is_last(const char *path) {
  if (control->die_in <= 0 || !path || !is_database(path)) return 0;
  return __atomic_sub_fetch(&control->die_in, 1, __ATOMIC_RELAXED) == 0;
}

static void die(void) {
  __atomic_add_fetch(&control->died, 1, __ATOMIC_RELAXED);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int is_armed(int what) {
  return control && ((control->error != 0 && (control->calls & what)) || control->die_in > 0);
}

#define CHECKED_WRITE(half, whole)                         \
  if (is_armed(WRITES)) {                                  \
    char buffer[4096];                                     \
    const char *path = sick(fd, buffer, sizeof buffer);    \
    if (is_last(path)) {                                   \
      half;                                                \
      die();                                               \
    }                                                      \
    if (fails(path, WRITES)) return -1;                    \
  }                                                        \
  return whole;

ssize_t write(int fd, const void *data, size_t size) {
  if (!real_write) return syscall(SYS_write, fd, data, size);
  CHECKED_WRITE(real_write(fd, data, size / 2), real_write(fd, data, size))
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  CHECKED_WRITE(real_pwrite(fd, data, size / 2, at), real_pwrite(fd, data, size, at))
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  CHECKED_WRITE(real_pwrite64(fd, data, size / 2, at), real_pwrite64(fd, data, size, at))
}

#define CHECKED_READ(whole)                                \
  if (control && control->error != 0 && (control->calls & READS)) { \
    char buffer[4096];                                     \
    if (fails(sick(fd, buffer, sizeof buffer), READS)) return -1; \
  }                                                        \
  return whole;

ssize_t pread(int fd, void *data, size_t size, off_t at) { CHECKED_READ(real_pread(fd, data, size, at)) }

ssize_t pread64(int fd, void *data, size_t size, off64_t at) { CHECKED_READ(real_pread64(fd, data, size, at)) }

#define CHECKED_TRUNCATE(whole)                            \
  if (control && control->error != 0 && (control->calls & TRUNCATES)) { \
    char buffer[4096];                                     \
    if (fails(sick(fd, buffer, sizeof buffer), TRUNCATES)) return -1; \
  }                                                        \
  return whole;

int ftruncate(int fd, off_t size) { CHECKED_TRUNCATE(real_ftruncate(fd, size)) }

int ftruncate64(int fd, off64_t size) { CHECKED_TRUNCATE(real_ftruncate64(fd, size)) }

static void wait_ms(int64_t ms) {
  struct timespec time = {ms / 1000, (ms % 1000) * 1000000L};
  nanosleep(&time, NULL);
}

static int flush(int fd, int (*real)(int)) {
  if (!control) return real(fd);
  char buffer[4096];
  const char *path = sick(fd, buffer, sizeof buffer);
  if (path && is_database(path)) {
    __atomic_add_fetch(&control->flushes, 1, __ATOMIC_RELAXED);
    while (control->hold != 0) wait_ms(1);
  }
  if (path && control->flush_ms > 0) wait_ms(control->flush_ms);
  if (is_last(path)) die();
  if (fails(path, FLUSHES)) return -1;
  return real(fd);
}

int fsync(int fd) { return flush(fd, real_fsync); }

int fdatasync(int fd) { return flush(fd, real_fdatasync); }

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = real_clock_gettime ? real_clock_gettime(clock, time) : (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && control && control->clock_ms != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ms = control->clock_ms;
    int64_t ns = time->tv_nsec + (ms % 1000) * 1000000;
    time->tv_sec += ms / 1000 + (ns < 0 ? -1 : ns / 1000000000);
    time->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
  }
  return result;
}

int gettimeofday(struct timeval *time, void *zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
