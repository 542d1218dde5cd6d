/** A small interpreter of eBPF, with the instructions that comparing a few words takes. */

/**
 * Runs a program on a context of 32-bit words; returns r0, or throws for anything the kernel would refuse.
 */
export function interpret(program: Uint8Array, context: readonly number[]): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const registers: (number | undefined)[] = Array.from({ length: 11 }, () => undefined);
  const read = (register: number): number => {
    const value = registers[register];
    if (value === undefined) throw new Error(`r${register} is read before it is written`);
    return value;
  };
  for (let at = 0; at < program.length; at += 8) {
    const code = view.getUint8(at);
    const to = view.getUint8(at + 1) & 0xf;
    const from = view.getUint8(at + 1) >> 4;
    const offset = view.getInt16(at + 2, true);
    const immediate = view.getInt32(at + 4, true);
    const jump = () => {
      if (offset < 0) throw new Error("a jump goes backwards");
      at += offset * 8;
    };
    switch (code) {
      case 0x61: {
        const word = context[offset / 4];
        if (from !== 1 || word === undefined)
          throw new Error(`a load at ${offset} is outside of the context`);
        registers[to] = word >>> 0;
        break;
      }
      case 0xbc:
        registers[to] = read(from);
        break;
      case 0xb4:
        registers[to] = immediate >>> 0;
        break;
      case 0x54:
        registers[to] = (read(to) & immediate) >>> 0;
        break;
      case 0x74:
        registers[to] = read(to) >>> immediate;
        break;
      case 0x05:
        jump();
        break;
      case 0x46:
        if ((read(to) & immediate) !== 0) jump();
        break;
      case 0x56:
        if (read(to) !== immediate >>> 0) jump();
        break;
      case 0x95:
        return read(0);
      default:
        throw new Error(`instruction 0x${code.toString(16)} is not known`);
    }
  }
  throw new Error("the program runs over its end");
}

/** The places that cannot be reached from the start; the kernel refuses a program that has some. */
export function unreachable(program: Uint8Array): number[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const count = program.length / 8;
  const reached = new Set<number>();
  const open = [0];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (reached.has(at)) continue;
    if (at >= count) throw new Error("a jump leads out of the program");
    reached.add(at);
    const code = view.getUint8(at * 8);
    const target = at + 1 + view.getInt16(at * 8 + 2, true);
    if (code === 0x95) continue;
    if (code === 0x05) open.push(target);
    else if (code === 0x46 || code === 0x56) open.push(at + 1, target);
    else open.push(at + 1);
  }
  return Array.from({ length: count }, (_, at) => at).filter((at) => !reached.has(at));
}
