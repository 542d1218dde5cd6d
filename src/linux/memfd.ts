/** How a program in memory is made. Source: memfd_create(2), fcntl(2) "File Sealing". */
import {
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
} from "./fcntl.ts";

/** A kernel before 6.3 does not know MFD_EXEC (EINVAL), and has only executable memfds. */
export const PROGRAM_FLAGS_OLD = MFD_CLOEXEC | MFD_ALLOW_SEALING;
export const PROGRAM_FLAGS = PROGRAM_FLAGS_OLD | MFD_EXEC;

/** F_SEAL_EXEC is left out: it would forbid to take the execute bits away later, which the program does. */
export const PROGRAM_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

export const PROGRAM_MODE = 0o500;
