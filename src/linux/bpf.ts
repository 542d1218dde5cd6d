/** bpf.h and bpf_common.h of the UAPI: eBPF and bpf(2). Classic BPF, for seccomp, is in seccomp.ts. */

/** Commands of bpf(2). */
export const BPF_PROG_LOAD = 5;
export const BPF_PROG_ATTACH = 8;
export const BPF_PROG_DETACH = 9;
export const BPF_PROG_GET_FD_BY_ID = 13;
export const BPF_OBJ_GET_INFO_BY_FD = 15;
export const BPF_PROG_QUERY = 16;

export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
/** An attach type: asked at every open and mknod of a device by a process of the cgroup. */
export const BPF_CGROUP_DEVICE = 6;
/** The programs of the cgroups below run too, and all must agree. */
export const BPF_F_ALLOW_MULTI = 1 << 1;
/** Puts a program in the place of another, at once (since 5.6). */
export const BPF_F_REPLACE = 1 << 2;

/** Bytes of a program's name, with its NUL (BPF_OBJ_NAME_LEN). */
export const BPF_NAME_SIZE = 16;
/** Where struct bpf_prog_info has the name, and its bytes up to there and with it. */
export const BPF_PROG_INFO_NAME = 64;
export const BPF_PROG_INFO_SIZE = 80;

/** The high half of `access_type` of struct bpf_cgroup_dev_ctx: what is asked for, ored together. */
export const BPF_DEVCG_ACC_MKNOD = 1 << 0;
export const BPF_DEVCG_ACC_READ = 1 << 1;
export const BPF_DEVCG_ACC_WRITE = 1 << 2;
/** Its low half: the type of the device. */
export const BPF_DEVCG_DEV_BLOCK = 1;
export const BPF_DEVCG_DEV_CHAR = 2;

/** Offsets in struct bpf_cgroup_dev_ctx; every field is a u32. */
export const BPF_CGROUP_DEV_CTX = { access_type: 0, major: 4, minor: 8 } as const;

/** Bytes of struct bpf_insn: u8 code, u8 registers (source in the high half), s16 offset, s32 immediate. */
export const BPF_INSN_SIZE = 8;

/** Whole operation codes: class, size or operation, and mode or source. */
export const BPF_LDX_MEM_W = 0x61;
export const BPF_ALU32_MOV_X = 0xbc;
export const BPF_ALU32_MOV_K = 0xb4;
export const BPF_ALU32_AND_K = 0x54;
export const BPF_ALU32_RSH_K = 0x74;
export const BPF_JA = 0x05;
/** Comparisons of 32 bits, since 5.1: those of 64 extend the sign of the immediate. */
export const BPF_JMP32_JSET_K = 0x46;
export const BPF_JMP32_JNE_K = 0x56;
export const BPF_EXIT = 0x95;
