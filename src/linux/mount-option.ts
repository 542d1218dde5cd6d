/**
 * The words of `mounts[].options` (OCI runtime-spec, config.md, "Linux mount options") that mean something to
 * the runtime. A word that is not here is data of the filesystem: `key=value` or a flag, for fsconfig(2).
 */
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_DIRSYNC,
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_POSIXACL,
  MS_PRIVATE,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from "./mount.ts";

/** A property of the mount: what mount_setattr(2) puts into attr_set and attr_clr, AT_RECURSIVE or not. */
export interface AttributeOption {
  readonly kind: "attribute";
  readonly set: number;
  readonly clear: number;
  readonly recursive: boolean;
}

/** A property of the superblock, shared by all its mounts. */
export interface SuperOption {
  readonly kind: "super";
  /** The flag for mount(2), to be set or cleared. */
  readonly flag: number;
  readonly set: boolean;
  /**
   * The flag word every filesystem takes from fsconfig(2) (fs/fs_context.c, common_set_sb_flag and
   * common_clear_sb_flag). Absent where the VFS has none: "silent" and "loud" then mean nothing, the others
   * go to the filesystem as data under their own name.
   */
  readonly word?: string;
}

/** How mount events travel between peers: the MS_ flag, which is also the value of mount_attr.propagation. */
export interface PropagationOption {
  readonly kind: "propagation";
  readonly flag: number;
  readonly recursive: boolean;
}

/** A bind mount; the type of the mount is then ignored. */
export interface BindOption {
  readonly kind: "bind";
  readonly recursive: boolean;
}

/** The uid and gid mappings of the mount apply to its files; recursively or to the top alone. */
export interface IdmapOption {
  readonly kind: "idmap";
  readonly recursive: boolean;
}

/**
 * Behaviour of the runtime, not of the kernel.
 * - tmpcopyup: a tmpfs starts with a copy of the directory it covers (runc, crun)
 * - copy-symlink: a source that is a symlink is created as a symlink instead of mounted (crun)
 * - src-nofollow, dest-nofollow: a symlink as source or destination is itself bound, not followed (crun)
 * - remount: the flags of an existing mount change
 * - defaults: nothing
 */
export interface ExtensionOption {
  readonly kind: "extension";
  readonly name: "tmpcopyup" | "copy-symlink" | "src-nofollow" | "dest-nofollow" | "remount" | "defaults";
}

export type MountOption =
  | AttributeOption
  | SuperOption
  | PropagationOption
  | BindOption
  | IdmapOption
  | ExtensionOption;

/**
 * The access-time words set a field, so the whole field is in `clear`: the kernel answers EINVAL to a new
 * value of it otherwise (mount_setattr(2)). Kernels since 2.6.30 have no way back from relatime to what
 * preceded it, hence "norelatime" changes nothing, and to take back another word means relatime.
 * Spelled out, not made by a function, so that loading the module costs nothing.
 */
export const MOUNT_OPTIONS: Readonly<Record<string, MountOption>> = {
  bind: { kind: "bind", recursive: false },
  rbind: { kind: "bind", recursive: true },

  ro: { kind: "attribute", set: MOUNT_ATTR_RDONLY, clear: 0, recursive: false },
  rw: { kind: "attribute", set: 0, clear: MOUNT_ATTR_RDONLY, recursive: false },
  nosuid: { kind: "attribute", set: MOUNT_ATTR_NOSUID, clear: 0, recursive: false },
  suid: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NOSUID, recursive: false },
  nodev: { kind: "attribute", set: MOUNT_ATTR_NODEV, clear: 0, recursive: false },
  dev: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NODEV, recursive: false },
  noexec: { kind: "attribute", set: MOUNT_ATTR_NOEXEC, clear: 0, recursive: false },
  exec: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NOEXEC, recursive: false },
  nodiratime: { kind: "attribute", set: MOUNT_ATTR_NODIRATIME, clear: 0, recursive: false },
  diratime: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NODIRATIME, recursive: false },
  nosymfollow: { kind: "attribute", set: MOUNT_ATTR_NOSYMFOLLOW, clear: 0, recursive: false },
  symfollow: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NOSYMFOLLOW, recursive: false },
  noatime: { kind: "attribute", set: MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME, recursive: false },
  atime: { kind: "attribute", set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR__ATIME, recursive: false },
  relatime: { kind: "attribute", set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR__ATIME, recursive: false },
  norelatime: { kind: "attribute", set: 0, clear: 0, recursive: false },
  strictatime: { kind: "attribute", set: MOUNT_ATTR_STRICTATIME, clear: MOUNT_ATTR__ATIME, recursive: false },
  nostrictatime: { kind: "attribute", set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR__ATIME, recursive: false },

  rro: { kind: "attribute", set: MOUNT_ATTR_RDONLY, clear: 0, recursive: true },
  rrw: { kind: "attribute", set: 0, clear: MOUNT_ATTR_RDONLY, recursive: true },
  rnosuid: { kind: "attribute", set: MOUNT_ATTR_NOSUID, clear: 0, recursive: true },
  rsuid: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NOSUID, recursive: true },
  rnodev: { kind: "attribute", set: MOUNT_ATTR_NODEV, clear: 0, recursive: true },
  rdev: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NODEV, recursive: true },
  rnoexec: { kind: "attribute", set: MOUNT_ATTR_NOEXEC, clear: 0, recursive: true },
  rexec: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NOEXEC, recursive: true },
  rnodiratime: { kind: "attribute", set: MOUNT_ATTR_NODIRATIME, clear: 0, recursive: true },
  rdiratime: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NODIRATIME, recursive: true },
  rnosymfollow: { kind: "attribute", set: MOUNT_ATTR_NOSYMFOLLOW, clear: 0, recursive: true },
  rsymfollow: { kind: "attribute", set: 0, clear: MOUNT_ATTR_NOSYMFOLLOW, recursive: true },
  rnoatime: { kind: "attribute", set: MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME, recursive: true },
  ratime: { kind: "attribute", set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR__ATIME, recursive: true },
  rrelatime: { kind: "attribute", set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR__ATIME, recursive: true },
  rnorelatime: { kind: "attribute", set: 0, clear: 0, recursive: true },
  rstrictatime: { kind: "attribute", set: MOUNT_ATTR_STRICTATIME, clear: MOUNT_ATTR__ATIME, recursive: true },
  rnostrictatime: { kind: "attribute", set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR__ATIME, recursive: true },

  sync: { kind: "super", flag: MS_SYNCHRONOUS, set: true, word: "sync" },
  async: { kind: "super", flag: MS_SYNCHRONOUS, set: false, word: "async" },
  dirsync: { kind: "super", flag: MS_DIRSYNC, set: true, word: "dirsync" },
  lazytime: { kind: "super", flag: MS_LAZYTIME, set: true, word: "lazytime" },
  nolazytime: { kind: "super", flag: MS_LAZYTIME, set: false, word: "nolazytime" },
  mand: { kind: "super", flag: MS_MANDLOCK, set: true, word: "mand" },
  nomand: { kind: "super", flag: MS_MANDLOCK, set: false, word: "nomand" },
  // fsconfig(2) has no word for these: they are told to the file system, which knows them or says EINVAL.
  acl: { kind: "super", flag: MS_POSIXACL, set: true, word: "acl" },
  noacl: { kind: "super", flag: MS_POSIXACL, set: true, word: "noacl" },
  iversion: { kind: "super", flag: MS_I_VERSION, set: true, word: "i_version" },
  noiversion: { kind: "super", flag: MS_I_VERSION, set: false, word: "noi_version" },
  silent: { kind: "super", flag: MS_SILENT, set: true },
  loud: { kind: "super", flag: MS_SILENT, set: false },

  private: { kind: "propagation", flag: MS_PRIVATE, recursive: false },
  rprivate: { kind: "propagation", flag: MS_PRIVATE, recursive: true },
  shared: { kind: "propagation", flag: MS_SHARED, recursive: false },
  rshared: { kind: "propagation", flag: MS_SHARED, recursive: true },
  slave: { kind: "propagation", flag: MS_SLAVE, recursive: false },
  rslave: { kind: "propagation", flag: MS_SLAVE, recursive: true },
  unbindable: { kind: "propagation", flag: MS_UNBINDABLE, recursive: false },
  runbindable: { kind: "propagation", flag: MS_UNBINDABLE, recursive: true },

  idmap: { kind: "idmap", recursive: false },
  ridmap: { kind: "idmap", recursive: true },

  tmpcopyup: { kind: "extension", name: "tmpcopyup" },
  "copy-symlink": { kind: "extension", name: "copy-symlink" },
  "src-nofollow": { kind: "extension", name: "src-nofollow" },
  "dest-nofollow": { kind: "extension", name: "dest-nofollow" },
  remount: { kind: "extension", name: "remount" },
  defaults: { kind: "extension", name: "defaults" },
};

/** What a word means to the runtime; undefined when it is data of the filesystem. */
export function mountOption(word: string): MountOption | undefined {
  return Object.hasOwn(MOUNT_OPTIONS, word) ? MOUNT_OPTIONS[word] : undefined;
}
