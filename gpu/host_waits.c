/* Counts how often a program waits for the GPU. Preloaded (LD_PRELOAD), it wraps the functions of the CUDA runtime that wait. A
 * program gets the count through dlsym(RTLD_DEFAULT, "ddpm_host_waits").
 *
 *     cc -O2 -shared -fPIC -o libhost_waits.so gpu/host_waits.c -ldl
 *
 * The types are declared by hand, so that it builds without CUDA. Its functions have no symbol version, so the linker uses them for
 * every version. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef int cudaError_t;

static atomic_ulong waits;

unsigned long ddpm_host_waits(void) { return atomic_load(&waits); }

/* libtorch's CUDA library is opened while the program runs, together with the CUDA runtime. RTLD_NEXT may therefore not find the
 * runtime, although it is loaded. */
static void *real(const char *name) {
    static const char *const runtimes[] = {"libcudart.so.13", "libcudart.so.12"};
    void *found = dlsym(RTLD_NEXT, name);
    for (size_t i = 0; !found && i < sizeof runtimes / sizeof *runtimes; i++) {
        void *runtime = dlopen(runtimes[i], RTLD_LAZY | RTLD_NOLOAD);
        if (runtime) found = dlsym(runtime, name);
    }
    if (!found) {
        fprintf(stderr, "host_waits: expected libcudart.so.13 or .12 with %s, and neither is loaded\n", name);
        abort();
    }
    return found;
}

#define COUNTED(name, parameters, arguments)                           \
    cudaError_t name parameters {                                      \
        static _Atomic(void *) known;                                  \
        void *function = atomic_load(&known);                          \
        if (!function) atomic_store(&known, function = real(#name));   \
        atomic_fetch_add(&waits, 1);                                   \
        return ((cudaError_t(*) parameters)function)arguments;         \
    }

COUNTED(cudaStreamSynchronize, (void *stream), (stream))
COUNTED(cudaDeviceSynchronize, (void), ())
COUNTED(cudaEventSynchronize, (void *event), (event))
COUNTED(cudaMemcpy, (void *to, const void *from, size_t bytes, int kind), (to, from, bytes, kind))
