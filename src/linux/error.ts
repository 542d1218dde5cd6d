import { type ErrnoName, errnoText } from "./errno.ts";

/** The parts of a HutchError; the message is composed of them. */
export interface ErrorParts {
  /**
   * What was being done, with path and flags by name, lowercase: "mount proc on /proc
   * (MOUNT_ATTR_NOSUID)".
   */
  readonly operation: string;
  /** The kernel's answer, by name. */
  readonly errno?: ErrnoName | undefined;
  /** What was wrong, in words, when no errno says it. */
  readonly reason?: string | undefined;
  /** What a person could do about it. */
  readonly hint?: string | undefined;
  /** The exit code of the program; 125 ("the runtime itself failed", as Docker counts) when absent. */
  readonly exitCode?: number | undefined;
  readonly cause?: unknown;
}

/** `operation: ERRNO (text); hint: hint`, without the parts that are absent. */
function compose(parts: ErrorParts): string {
  let message = parts.operation;
  if (parts.reason !== undefined) message += `: ${parts.reason}`;
  if (parts.errno !== undefined) message += `: ${parts.errno} (${errnoText(parts.errno)})`;
  if (parts.hint !== undefined) message += `; hint: ${parts.hint}`;
  return message;
}

/** The one class of errors hutch throws on purpose: what failed, why, and what to do about it. */
export class HutchError extends Error {
  readonly operation: string;
  readonly errno: ErrnoName | undefined;
  readonly reason: string | undefined;
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** The name of the kernel's errno, or ERR_HUTCH, as node names its errors. */
  readonly code: string;

  constructor(parts: ErrorParts) {
    super(compose(parts), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = "HutchError";
    this.operation = parts.operation;
    this.errno = parts.errno;
    this.reason = parts.reason;
    this.hint = parts.hint;
    this.exitCode = parts.exitCode ?? 125;
    this.code = parts.errno ?? "ERR_HUTCH";
  }
}
