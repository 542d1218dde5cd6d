/**
 * Generated, do not edit: bun scripts/generate-routines.ts
 *
 * The routines that every program has (report-code.ts), assembled.
 */
import type { Arch } from "../linux/arch.ts";
import type { Report } from "./report.ts";
import type { Routines } from "./report-code.ts";

const TEXTS =
  " \0; hint: \0errno \0EPERM (operation not permitted)\0ENOENT (no such file or directory)\0ESRCH (no such process)\0EINTR (interrupted system call)\0EIO (input/output error)\0ENXIO (no such device or address)\0E2BIG (argument list too long)\0ENOEXEC (exec format error)\0EBADF (bad file descriptor)\0ECHILD (no child processes)\0EAGAIN (resource temporarily unavailable)\0ENOMEM (cannot allocate memory)\0EACCES (permission denied)\0EFAULT (bad address)\0ENOTBLK (block device required)\0EBUSY (device or resource busy)\0EEXIST (file exists)\0EXDEV (invalid cross-device link)\0ENODEV (no such device)\0ENOTDIR (not a directory)\0EISDIR (is a directory)\0EINVAL (invalid argument)\0ENFILE (too many open files in system)\0EMFILE (too many open files)\0ENOTTY (inappropriate ioctl for device)\0ETXTBSY (text file busy)\0EFBIG (file too large)\0ENOSPC (no space left on device)\0ESPIPE (illegal seek)\0EROFS (read-only file system)\0EMLINK (too many links)\0EPIPE (broken pipe)\0EDOM (numerical argument out of domain)\0ERANGE (numerical result out of range)\0EDEADLK (resource deadlock avoided)\0ENAMETOOLONG (file name too long)\0ENOLCK (no locks available)\0ENOSYS (function not implemented)\0ENOTEMPTY (directory not empty)\0ELOOP (too many levels of symbolic links)\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0ENODATA (no data available)\0ETIME (timer expired)\0\0\0\0EREMOTE (object is remote)\0\0\0\0\0EPROTO (protocol error)\0\0\0EBADMSG (bad message)\0EOVERFLOW (value too large for defined data type)\0\0\0\0\0\0\0\0\0EILSEQ (invalid or incomplete multibyte or wide character)\0\0\0EUSERS (too many users)\0ENOTSOCK (socket operation on non-socket)\0\0EMSGSIZE (message too long)\0\0ENOPROTOOPT (protocol not available)\0EPROTONOSUPPORT (protocol not supported)\0ESOCKTNOSUPPORT (socket type not supported)\0EOPNOTSUPP (operation not supported)\0\0EAFNOSUPPORT (address family not supported by protocol)\0EADDRINUSE (address already in use)\0EADDRNOTAVAIL (cannot assign requested address)\0ENETDOWN (network is down)\0ENETUNREACH (network is unreachable)\0\0ECONNABORTED (software caused connection abort)\0ECONNRESET (connection reset by peer)\0ENOBUFS (no buffer space available)\0\0ENOTCONN (transport endpoint is not connected)\0\0\0ETIMEDOUT (connection timed out)\0ECONNREFUSED (connection refused)\0\0EHOSTUNREACH (no route to host)\0EALREADY (operation already in progress)\0EINPROGRESS (operation now in progress)\0ESTALE (stale file handle)\0EUCLEAN (structure needs cleaning)\0\0\0\0\0EDQUOT (disk quota exceeded)\0\0\0ECANCELED (operation canceled)\0ENOKEY (required key not available)\0EKEYEXPIRED (key has expired)\0EKEYREVOKED (key has been revoked)\0EKEYREJECTED (key was rejected by service)\0";

// biome-ignore format: a table
export const ROUTINES: Readonly<Record<Arch, Readonly<Record<Report["kind"], Routines>>>> = {
  x86_64: {
    print: {
      code: "jUsKSInwSP/HMdJI9/FIhcB18zHSiBdJifpIifAx0kj38UiDwjBJ/8pBiBJIhcB17MMPtgaIB0j/xkj/x0iFwHXwSP/Pw0FcRTHtSSnFRYs0JEG/AAAAAL8AAAAAvgAAAADoy////0yJ9kjB7gZMAf7ovP///0H2xiAPhBcAAAC+AAAAAOio////vgAAAABIizbom////02F7Q+EuQAAAEGLdCQESIHm////AEwB/uh+////SYH9gQAAAA+PLQAAAL4AAAAATInqSP/KSIXSD4QNAAAAD7YGSP/GSIXAdfXr5w+2BkiFwA+FFwAAAL4AAAAA6Dr///9Mie7oAP///+kFAAAA6Cj///9MifJIg+IPTYngQfbGEA+EBAAAAEmDwARI/8pIhdIPjCsAAABJg8AEQQ+2QAdMOeh15r4AAAAA6Oz+//9Bi3AESIHm////AEwB/ujZ/v//jUMKiAe+AAAAAEiJ+kgp8kj/wo17ArgBAAAADwVFD7ZsJAdB9sYQD4QIAAAARYtkJAhB/+RMie+45wAAAA8F",
      fixups: [1353, 0, 3, 1433, 0, 7, 1513, 0, 41347, 2073, 0, 3, 2233, 0, 5, 3113, 0, 291, 3833, 0, 179, 5081, 0, 35, 5625, 0, 7],
      texts: TEXTS,
      report: 70,
      decimal: 0,
    },
    pipe: {
      code: "jUsKSInwSP/HMdJI9/FIhcB18zHSiBdJifpIifAx0kj38UiDwjBJ/8pBiBJIhcB17MNBXEUx7UkpxUWLPCRFi3QkBL4AAAAATIk+TIluCI1TEEn3xgACAAAPhEYAAAC/AAAAAE2J8knB6hBJweIDSQH6TYsSvwAAAABBD7YCSIXAD4QUAAAAiAdJ/8JI/8dI/8JIgfoAEAAAdd9IidBIg+gQiUYMvwAAAACLP7gBAAAADwVFD7ZsJARJ98YAAQAAD4QIAAAARYtkJAhB/+RMie+45wAAAA8F",
      fixups: [1097, 0, 7, 1545, 0, 5, 1897, 0, 263, 2665, 0, 1],
      texts: "",
      report: 50,
      decimal: 0,
    },
  },
  aarch64: {
    print: {
      code: "SgGA0ukDAaoABACRMAnKmgumCpvpAxCqPwEA8WH//1QLAIDSCwAAOeMDAKrpAwGqMAnKmgumCpvpAxCqa8EAkWMEANFrAAA5PwEA8SH//1TAA1/WKQBAOQkAADkhBACRAAQAkT8BAPFh//9UAAQA0cADX9bzAx6qFACA0pQCAMt1AkC5FgCA0hYAoPIAAIDSAACg8gEAgNIBAKDy7v//l+EDFaoh/EbTIQAWi+r//5cQBIDSvwIQ6gABAFQBAIDSAQCg8uT//5cBAIDSAQCg8iEAQPng//+XnwIA8cAGAFRhBkC58P+f0vAfoPIhABCKIQAWi9j//5efBgLx7AEAVAEAgNIBAKDy4gMUqkIEANFfAADxwAAAVCkAQDkhBACRPwEA8aH//1T5//8XKQBAOT8BAPHhAABUAQCA0gEAoPLF//+X4QMUqq7//5cCAAAUwf//l+IDFarwAYDSQgAQiuQDE6oQAoDSvwIQ6kAAAFSEEACRQgQA0V8AAPHLAQBUhBAAkYkcQDk/ARTrQf//VAEAgNIBAKDyr///l4EEQLnw/5/S8B+g8iEAEIohABaLqf//l0kBgNIJAAA5AQCA0gEAoPLiAwCqQgABy0IEAJFAAIDSCAiA0gEAANR0HkA5EAKA0r8CEOpgAABUcwpAuWACH9bgAxSqyAuA0gEAANQ=",
      fixups: [2121, 5, 3, 2249, 5, 7, 2377, 5, 41347, 3017, 5, 3, 3209, 5, 5, 4105, 5, 291, 5001, 5, 179, 6409, 5, 35, 7113, 5, 7],
      texts: TEXTS,
      report: 116,
      decimal: 0,
    },
    pipe: {
      code: "SgGA0ukDAaoABACRMAnKmgumCpvpAxCqPwEA8WH//1QLAIDSCwAAOeMDAKrpAwGqMAnKmgumCpvpAxCqa8EAkWMEANFrAAA5PwEA8SH//1TAA1/W8wMeqhQAgNKUAgDLdgJAuXUGQLkBAIDSAQCg8jYAAPk0BAD5AgKA0hBAgNK/AhDqwAIAVAAAgNIAAKDy4wMVqmP8UNNj8H3TYwAAi2MAQPkAAIDSAACg8mkAQDk/AQDx4AAAVAkAADljBACRAAQAkUIEAJFfBEDxAf//VOkDAqopQQDRKQwAuQAAgNIAAKDyAABAuQgIgNIBAADUdBJAORAggNK/AhDqYAAAVHMKQLlgAh/W4AMUqsgLgNIBAADU",
      fixups: [1673, 5, 7, 2185, 5, 5, 2633, 5, 263, 3529, 5, 1],
      texts: "",
      report: 84,
      decimal: 0,
    },
  },
};
