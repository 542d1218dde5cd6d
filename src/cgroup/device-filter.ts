/**
 * A device policy as an eBPF program, which is how cgroup v2 controls devices (admin-guide/cgroup-v2,
 * "Device controller").
 */
import {
  BPF_ALU32_AND_K,
  BPF_ALU32_MOV_K,
  BPF_ALU32_MOV_X,
  BPF_ALU32_RSH_K,
  BPF_CGROUP_DEV_CTX,
  BPF_CGROUP_DEVICE,
  BPF_DEVCG_DEV_BLOCK,
  BPF_DEVCG_DEV_CHAR,
  BPF_EXIT,
  BPF_F_ALLOW_MULTI,
  BPF_F_REPLACE,
  BPF_INSN_SIZE,
  BPF_JA,
  BPF_JMP32_JNE_K,
  BPF_JMP32_JSET_K,
  BPF_LDX_MEM_W,
  BPF_NAME_SIZE,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_CGROUP_DEVICE,
} from "../linux/bpf.ts";
import { bytes, call, slot, struct } from "../plan/build.ts";
import type { Call, Slot, Step } from "../plan/step.ts";
import type { DeviceDecision, DevicePolicy } from "./device-rule.ts";

interface Instruction {
  readonly code: number;
  readonly to: number;
  readonly from: number;
  readonly offset: number;
  readonly immediate: number;
}

// r0 is the verdict, r1 the context; the rest is the program's own choice.
const VERDICT = 0;
const CONTEXT = 1;
const TYPE = 2;
/** The kinds of access that are asked for and not yet allowed by a rule. */
const WANTED = 3;
const MAJOR = 4;
const MINOR = 5;

const TYPES = { b: BPF_DEVCG_DEV_BLOCK, c: BPF_DEVCG_DEV_CHAR } as const;
const ALLOWED = 1;
const DENIED = 0;

const instruction = (code: number, to: number, special: Partial<Instruction> = {}): Instruction => ({
  code,
  to,
  from: 0,
  offset: 0,
  immediate: 0,
  ...special,
});

const loadField = (to: number, offset: number): Instruction =>
  instruction(BPF_LDX_MEM_W, to, { from: CONTEXT, offset });

const verdict = (immediate: number): Instruction[] => [
  instruction(BPF_ALU32_MOV_K, VERDICT, { immediate }),
  instruction(BPF_EXIT, 0),
];

/**
 * What a rule does with a device that it names: decides, or goes on behind itself with what is still
 * wanted.
 */
function decide({ allow, access }: DeviceDecision): Instruction[] {
  return allow
    ? [
        instruction(BPF_ALU32_AND_K, WANTED, { immediate: ~access }),
        instruction(BPF_JMP32_JNE_K, WANTED, { immediate: 0, offset: 2 }),
        ...verdict(ALLOWED),
      ]
    : [
        instruction(BPF_JMP32_JSET_K, WANTED, { immediate: access, offset: 1 }),
        instruction(BPF_JA, 0, { offset: 2 }),
        ...verdict(DENIED),
      ];
}

function compileRule(rule: DeviceDecision): Instruction[] {
  const tests = (
    [
      [TYPE, TYPES[rule.type]],
      [MAJOR, rule.major],
      [MINOR, rule.minor],
    ] as const
  ).flatMap(([register, value]) => (value === undefined ? [] : [[register, value] as const]));
  const decision = decide(rule);
  return [
    ...tests.map(([register, immediate], index) =>
      instruction(BPF_JMP32_JNE_K, register, {
        immediate,
        offset: tests.length - 1 - index + decision.length,
      }),
    ),
    ...decision,
  ];
}

/**
 * The program, as struct bpf_insn[]. The last rule comes first; each takes what it allows from the access
 * that is asked for, until nothing is left, or something is denied. Every instruction can be reached, or
 * the kernel would refuse it.
 */
export function compileDevices(policy: DevicePolicy): Uint8Array {
  const program = [
    loadField(TYPE, BPF_CGROUP_DEV_CTX.access_type),
    instruction(BPF_ALU32_MOV_X, WANTED, { from: TYPE }),
    instruction(BPF_ALU32_RSH_K, WANTED, { immediate: 16 }),
    instruction(BPF_ALU32_AND_K, TYPE, { immediate: 0xffff }),
    loadField(MAJOR, BPF_CGROUP_DEV_CTX.major),
    loadField(MINOR, BPF_CGROUP_DEV_CTX.minor),
    ...policy.rules.toReversed().flatMap(compileRule),
    ...verdict(policy.allow ? ALLOWED : DENIED),
  ];
  const view = new DataView(new ArrayBuffer(program.length * BPF_INSN_SIZE));
  for (let index = 0; index < program.length; index++) {
    const each = program[index];
    if (each === undefined) continue;
    const at = index * BPF_INSN_SIZE;
    view.setUint8(at, each.code);
    view.setUint8(at + 1, (each.from << 4) | each.to);
    view.setInt16(at + 2, each.offset, true);
    view.setInt32(at + 4, each.immediate, true);
  }
  return new Uint8Array(view.buffer);
}

const WHY = "limit devices";
/** Of union bpf_attr: up to prog_name, and up to replace_bpf_fd. */
const LOAD_SIZE = 64;
const ATTACH_SIZE = 20;

const HINTS = {
  EPERM:
    "device rules on cgroup v2 take CAP_BPF and CAP_NET_ADMIN on the host; without them leave linux.resources.devices out",
  E2BIG: "the kernel checks every way through the filter, and these are too many rules for that",
  EINVAL: "the kernel was built without CONFIG_CGROUP_BPF",
  ENOSYS: "the kernel was built without CONFIG_BPF_SYSCALL",
} as const;

/** What the kernel calls the filter, for whoever replaces it. */
export const FILTER_NAME = "hutch_devices";

/** The two halves of the name's field. */
function nameWords(): readonly [bigint, bigint] {
  const bytes = new Uint8Array(new ArrayBuffer(BPF_NAME_SIZE));
  bytes.set(new TextEncoder().encode(FILTER_NAME));
  const view = new DataView(bytes.buffer);
  return [view.getBigUint64(0, true), view.getBigUint64(8, true)];
}

/** Loads the filter; its descriptor goes into `filter`. */
export function loadFilter(policy: DevicePolicy, filter: Slot): Call {
  const program = compileDevices(policy);
  const length = program.length / BPF_INSN_SIZE;
  const [name, rest] = nameWords();
  const load = struct("bpf_attr", [
    ["prog_type", 4, BPF_PROG_TYPE_CGROUP_DEVICE],
    ["insn_cnt", 4, length],
    ["insns", 8, bytes(program, `${length} eBPF instructions`)],
    ["license", 8, "Apache-2.0"],
    ["log_level", 4, 0],
    ["log_size", 4, 0],
    ["log_buf", 8, 0],
    ["kern_version", 4, 0],
    ["prog_flags", 4, 0],
    ["prog_name", 8, name],
    ["prog_name (rest)", 8, rest],
  ]);
  return call(`${WHY}: load a filter of ${length} instructions`, "bpf", [BPF_PROG_LOAD, load, LOAD_SIZE], {
    into: filter,
    hints: HINTS,
  });
}

/** Attaches a filter to a cgroup, in the place of another if there is one. */
export const attachFilter = (filter: Slot, directory: Slot, replaced?: number): Call =>
  call(
    `${WHY}: attach the filter to the cgroup`,
    "bpf",
    [
      BPF_PROG_ATTACH,
      struct("bpf_attr", [
        ["target_fd", 4, directory],
        ["attach_bpf_fd", 4, filter],
        ["attach_type", 4, BPF_CGROUP_DEVICE],
        ["attach_flags", 4, BPF_F_ALLOW_MULTI | (replaced === undefined ? 0 : BPF_F_REPLACE)],
        ["replace_bpf_fd", 4, replaced ?? 0],
      ]),
      ATTACH_SIZE,
    ],
    { hints: HINTS },
  );

/** The steps that put the processes of a cgroup under the policy. */
export function filterDevices(policy: DevicePolicy, directory: Slot): Step[] {
  const filter = slot("cgroup device filter");
  return [loadFilter(policy, filter), attachFilter(filter, directory), call(WHY, "close", [filter])];
}
