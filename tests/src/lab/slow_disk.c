/* A disk whose flush takes longer: fsync and fdatasync wait for FLUSH_MICROSECONDS when they are done.
   Loaded before a program's own libraries: LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file) {
    int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int done = flush(file);
    const char *said = getenv("FLUSH_MICROSECONDS");
    long longer = said ? atol(said) : 0;
    struct timespec left = {longer / 1000000, longer % 1000000 * 1000};
    while (longer > 0 && nanosleep(&left, &left) != 0) {
    }
    return done;
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
