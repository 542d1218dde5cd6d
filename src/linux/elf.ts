/** elf.h and auxvec.h of the kernel's UAPI, for 64-bit files: constants and the places of fields. */
export const ET_EXEC = 2;
export const PT_NULL = 0;
export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_PHDR = 6;
export const PT_GNU_STACK = 0x6474e551;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** Of Elf64_Ehdr. */
export const EHDR = { e_type: 16, e_entry: 24, e_phoff: 32, e_phnum: 56 } as const;
export const EHDR_SIZE = 64;
/** Of Elf64_Phdr. */
export const PHDR = {
  p_type: 0,
  p_flags: 4,
  p_offset: 8,
  p_vaddr: 16,
  p_paddr: 24,
  p_filesz: 32,
  p_memsz: 40,
  p_align: 48,
} as const;
export const PHDR_SIZE = 56;

/** Tags of the dynamic section; each entry is a tag and a value of 8 bytes. */
export const DT_NULL = 0;
export const DT_DEBUG = 21;

/** Types of the auxiliary vector (getauxval(3)); each entry is a type and a value of 8 bytes. */
export const AT_NULL = 0;
export const AT_PHDR = 3;
export const AT_PHNUM = 5;
export const AT_PAGESZ = 6;
export const AT_BASE = 7;
export const AT_ENTRY = 9;
