/**
 * An assembler for classic BPF that writes a program from its end to its beginning.
 *
 * Jumps of classic BPF only go forward, so whoever writes backwards knows every target when the jump is made:
 * no labels, no second pass. A position counts from the end of the program; a conditional jump reaches 255
 * instructions far, and what lies beyond is reached through an unconditional jump put right behind it.
 */
import {
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_JA,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_RET,
  BPF_W,
  SOCK_FILTER_SIZE,
} from "../linux/seccomp.ts";

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Where to go on: at a position, or out of the filter with a result. */
export type Target = { readonly at: number } | { readonly result: number };

const FARTHEST = 255;

export interface Assembler {
  /** A conditional jump on the accumulator: BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET with `k`. */
  branch(op: number, k: number, yes: Target, no: Target): Target;
  /** Loads the 32-bit word at `offset` of struct seccomp_data, then goes on at `next`. */
  load(offset: number, next: Target): Target;
  /** Masks the accumulator, then goes on at `next`. */
  and(k: number, next: Target): Target;
  /** Instructions so far. */
  size(): number;
  /** The program as struct sock_filter[], beginning at `entry`. */
  finish(entry: Target): Uint8Array;
}

export function assembler(): Assembler {
  /** Last instruction first. */
  const code: Instruction[] = [];
  /** The latest position of each return. */
  const returns = new Map<number, number>();

  const push = (instruction: Instruction): number => code.push(instruction) - 1;
  const jump = (at: number) => push({ code: BPF_JMP | BPF_JA, jt: 0, jf: 0, k: code.length - at - 1 });
  const leave = (result: number) => {
    const at = push({ code: BPF_RET | BPF_K, jt: 0, jf: 0, k: result });
    returns.set(result, at);
    return at;
  };

  /** A position that a conditional jump reaches even when one more instruction comes between. */
  const near = (target: Target): number => {
    const at = "at" in target ? target.at : returns.get(target.result);
    if (at !== undefined && code.length - at <= FARTHEST) return at;
    return "at" in target ? jump(target.at) : leave(target.result);
  };

  /** Makes `target` the instruction right behind the next one. */
  const behind = (target: Target): void => {
    if ("result" in target) {
      if (returns.get(target.result) !== code.length - 1) leave(target.result);
    } else if (target.at !== code.length - 1) jump(target.at);
  };

  return {
    branch(op, k, yes, no) {
      const jt = near(yes);
      const jf = near(no);
      const at = code.length;
      return { at: push({ code: BPF_JMP | op | BPF_K, jt: at - jt - 1, jf: at - jf - 1, k }) };
    },
    load(offset, next) {
      behind(next);
      return { at: push({ code: BPF_LD | BPF_W | BPF_ABS, jt: 0, jf: 0, k: offset }) };
    },
    and(k, next) {
      behind(next);
      return { at: push({ code: BPF_ALU | BPF_AND | BPF_K, jt: 0, jf: 0, k }) };
    },
    size: () => code.length,
    finish(entry) {
      behind(entry);
      // Over an explicit buffer: a pointer to small typed arrays of another kind does not stay valid.
      const view = new DataView(new ArrayBuffer(code.length * SOCK_FILTER_SIZE));
      let offset = view.byteLength;
      for (const { code: word, jt, jf, k } of code) {
        offset -= SOCK_FILTER_SIZE;
        view.setUint16(offset, word, true);
        view.setUint8(offset + 2, jt);
        view.setUint8(offset + 3, jf);
        view.setUint32(offset + 4, k, true);
      }
      return new Uint8Array(view.buffer);
    },
  };
}
