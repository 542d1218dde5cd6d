/** The texts of errnos that programs carry. */
import { ERRNO, type ErrnoName, errnoText } from "../linux/errno.ts";

/**
 * The errnos that a container runtime can meet, in the order of their numbers; others are told by number.
 * Left out are those of STREAMS, XENIX, ISDN, sound, RDMA and the shared libraries of a.out.
 */
// biome-ignore format: a table
const NAMED = [
  "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN",
  "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL",
  "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM",
  "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", "ENODATA", "ETIME", "EREMOTE",
  "EPROTO", "EBADMSG", "EOVERFLOW", "EILSEQ", "EUSERS", "ENOTSOCK", "EMSGSIZE", "ENOPROTOOPT",
  "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL",
  "ENETDOWN", "ENETUNREACH", "ECONNABORTED", "ECONNRESET", "ENOBUFS", "ENOTCONN", "ETIMEDOUT", "ECONNREFUSED",
  "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE", "EUCLEAN", "EDQUOT", "ECANCELED", "ENOKEY",
  "EKEYEXPIRED", "EKEYREVOKED", "EKEYREJECTED",
] as const satisfies readonly ErrnoName[];

export const LAST_NAMED = ERRNO.EKEYREJECTED;

/** Those that only networks and the like give: rare enough to be told by number where every byte counts. */
// biome-ignore format: a table
const RARE: readonly ErrnoName[] = [
  "ENOTBLK", "EDOM", "EDEADLK", "ENOLCK", "ENODATA", "ETIME", "EREMOTE", "EPROTO", "EBADMSG", "EILSEQ",
  "EMSGSIZE", "ENOPROTOOPT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EAFNOSUPPORT", "EADDRINUSE",
  "EADDRNOTAVAIL", "ENETDOWN", "ENETUNREACH", "ECONNABORTED", "ECONNRESET", "ENOBUFS", "ENOTCONN",
  "ETIMEDOUT", "ECONNREFUSED", "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ECANCELED", "EKEYEXPIRED",
  "EKEYREVOKED", "EKEYREJECTED", "ENOTSOCK", "EUCLEAN", "ENOKEY", "EMLINK", "ESPIPE",
];

/** "EPERM (operation not permitted)" and so on, from errno 1 on; empty where an errno is not in the list. */
export function errnoTexts(): string[] {
  const texts = Array.from({ length: LAST_NAMED }, () => "");
  for (const name of NAMED) texts[ERRNO[name] - 1] = `${name} (${errnoText(name)})`;
  return texts;
}

/** The same without the rare ones. */
export function usualErrnoTexts(): string[] {
  const texts = errnoTexts();
  for (const name of RARE) texts[ERRNO[name] - 1] = "";
  return texts.slice(0, texts.findLastIndex((text) => text !== "") + 1);
}
