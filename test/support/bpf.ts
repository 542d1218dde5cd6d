/** Classic BPF as the kernel's seccomp runs it: an interpreter and a disassembler, for tests. */

export interface SeccompData {
  readonly nr: number;
  readonly arch: number;
  readonly args: readonly bigint[];
}

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const LD_W_ABS = 0x20;
const ALU_AND_K = 0x54;
const JA = 0x05;
const JEQ_K = 0x15;
const JGT_K = 0x25;
const JGE_K = 0x35;
const RET_K = 0x06;

export function decode(program: Uint8Array): Instruction[] {
  if (program.length % 8 !== 0) throw new Error(`${program.length} bytes are no whole instructions`);
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  return Array.from({ length: program.length / 8 }, (_, place) => ({
    code: view.getUint16(place * 8, true),
    jt: view.getUint8(place * 8 + 2),
    jf: view.getUint8(place * 8 + 3),
    k: view.getUint32(place * 8 + 4, true),
  }));
}

function seccompData(data: SeccompData): DataView {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint32(0, data.nr >>> 0, true);
  view.setUint32(4, data.arch >>> 0, true);
  for (const [place, argument] of data.args.entries()) view.setBigUint64(16 + 8 * place, argument, true);
  return view;
}

/** What the filter returns. Throws where the kernel's checker (seccomp_check_filter) would refuse. */
export function run(instructions: readonly Instruction[], data: SeccompData): number {
  const words = seccompData(data);
  let accumulator = 0;
  let place = 0;
  for (;;) {
    const instruction = instructions[place];
    if (instruction === undefined) throw new Error(`the program runs past its end at ${place}`);
    const { code, jt, jf, k } = instruction;
    place += 1;
    if (code === RET_K) return k;
    if (code === LD_W_ABS) {
      if (k % 4 !== 0 || k >= 64) throw new Error(`load of offset ${k}`);
      accumulator = words.getUint32(k, true);
    } else if (code === ALU_AND_K) accumulator = (accumulator & k) >>> 0;
    else if (code === JA) place += k;
    else if (code === JEQ_K) place += accumulator === k ? jt : jf;
    else if (code === JGT_K) place += accumulator > k ? jt : jf;
    else if (code === JGE_K) place += accumulator >= k ? jt : jf;
    else throw new Error(`instruction ${code.toString(16)} at ${place - 1}`);
  }
}

const JUMPS: Readonly<Record<number, string>> = { [JEQ_K]: "jeq", [JGT_K]: "jgt", [JGE_K]: "jge" };

/** One line an instruction, jump targets as line numbers. */
export function disassemble(program: Uint8Array): string[] {
  return decode(program).map(({ code, jt, jf, k }, place) => {
    const hex = `0x${k.toString(16)}`;
    const jump = JUMPS[code];
    if (jump !== undefined) return `${place}: ${jump} ${hex} ${place + 1 + jt} ${place + 1 + jf}`;
    if (code === LD_W_ABS) return `${place}: ld [${k}]`;
    if (code === ALU_AND_K) return `${place}: and ${hex}`;
    if (code === JA) return `${place}: ja ${place + 1 + k}`;
    if (code === RET_K) return `${place}: ret ${hex}`;
    return `${place}: ? ${code.toString(16)}`;
  });
}
