/** reboot(2) (linux/reboot.h). */
export const REBOOT_MAGIC1 = 0xfee1dead;
export const REBOOT_MAGIC2 = 672274793;
export const REBOOT_COMMANDS = { poweroff: 0x4321fedc, reboot: 0x01234567 } as const;
