// Makes a processor with AMX one without it, for ONNX Runtime, which asks the kernel for permission to use it: here that is
// refused, and it multiplies bytes by AVX-512 VNNI, as on processors that have no matrix unit.
//
//   cc -shared -fPIC -O2 bench/without-amx.c -o without-amx.so
//   LD_PRELOAD=$PWD/without-amx.so npm run bench -- infer ...
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

#define ARCH_REQ_XCOMP_PERM 0x1023

long syscall(long number, ...) {
  static long (*next)(long, ...);
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) arguments[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_arch_prctl && arguments[0] == ARCH_REQ_XCOMP_PERM) {
    errno = EPERM;
    return -1;
  }
  if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
