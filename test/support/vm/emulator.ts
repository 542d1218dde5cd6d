/** How qemu is started for each architecture, and where a machine of it writes. */
import { findBusybox } from "../rootfs.ts";
import { kernelDirectory } from "./kernel.ts";

/** As Debian names them. */
export type Architecture = "amd64" | "arm64";

export interface Emulator {
  readonly program: string;
  readonly machine: readonly string[];
  /** The device of the kernel's messages. */
  readonly console: string;
  /** The devices of a script's output, which is also its terminal, and of its results. */
  readonly ports: readonly [output: string, results: string];
  /** Joins the three to a file, our standard streams and a file, in this order. */
  readonly serial: (directory: string) => readonly string[];
  /** A static busybox. */
  readonly busybox: () => string | undefined;
}

const file = (id: string, directory: string): string[] => [
  "-chardev",
  `file,id=${id},path=${directory}/${id}`,
];

export const EMULATORS: Readonly<Record<Architecture, Emulator>> = {
  amd64: {
    program: "qemu-system-x86_64",
    machine: ["-machine", "q35", "-cpu", "max"],
    console: "ttyS0",
    ports: ["ttyS1", "ttyS2"],
    serial: (directory) => [
      ...file("console", directory),
      ...file("results", directory),
      ...["-serial", "chardev:console", "-serial", "stdio", "-serial", "chardev:results"],
    ],
    busybox: findBusybox,
  },
  arm64: {
    program: "qemu-system-aarch64",
    // The real algorithm of pointer authentication takes half of the time.
    machine: ["-machine", "virt", "-cpu", "max,pauth-impdef=on"],
    console: "ttyAMA0",
    // This machine has one serial port; others come on cards, in the order of their numbers.
    ports: ["ttyS0", "ttyS1"],
    serial: (directory) => [
      ...file("console", directory),
      ...file("results", directory),
      ...["-chardev", "stdio,id=output,signal=off", "-serial", "chardev:console"],
      ...["-device", "pci-serial,chardev=output", "-device", "pci-serial,chardev=results"],
    ],
    busybox: () => `${kernelDirectory("arm64")}/bin/busybox`,
  },
};
