/* SPDX-License-Identifier: MIT */

/* A kernel's stand-in: says which one it is and with what options it was started, on the first serial port, and resets. */

#include <efi.h>
#include <efilib.h>

/* The letter behind "payload=" is put in by the test. */
static volatile const char tag[] = "payload=?";

#ifdef __aarch64__

#define UART ((volatile UINT32 *)0x09000000) /* of QEMU's virt */

static void say(char c)
{
	while (UART[0x18 / 4] & 0x20)
		;
	*UART = (unsigned char)c;
}

#else

#define PORT 0x3f8

static void say(char c)
{
	unsigned char status;

	do
		__asm__ volatile("inb %w1, %b0" : "=a"(status) : "Nd"((unsigned short)(PORT + 5)));
	while (!(status & 0x20));
	__asm__ volatile("outb %b0, %w1" : : "a"(c), "Nd"((unsigned short)PORT));
}

#endif

static void say_text(const char *text)
{
	while (*text)
		say(*text++);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_GUID protocol = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded = NULL;

	InitializeLib(image, system);
	say_text("<<kernel=");
	say(tag[8]);
	say_text(" line=");
	if (!EFI_ERROR(
		    uefi_call_wrapper(BS->HandleProtocol, 3, image, &protocol, (void **)&loaded))) {
		const CHAR16 *options = loaded->LoadOptions;

		for (unsigned i = 0; i < loaded->LoadOptionsSize / 2 && options[i]; i++)
			say((char)options[i]);
	}
	say_text(">>\n");
	uefi_call_wrapper(RT->ResetSystem, 4, EfiResetCold, EFI_SUCCESS, 0, NULL);
	return EFI_SUCCESS;
}
