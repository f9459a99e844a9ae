/* SPDX-License-Identifier: MIT */

/*
 * EFI/rauc/slot.efi: what systemd-boot starts for a slot whose kernel lies on a partition of the slot's
 * own, and so is part of each version. The entry's options are
 *
 *     2 \linux.efi root=PARTLABEL=root_a rauc.slot=A panic=5
 *
 * number of the partition on this disk, kernel there, its command line. The version may have more for the
 * command line in \cmdline beside the kernel (one line); it comes first, so that it changes no root= here.
 *
 * What does not load is an error for systemd-boot, which then returns to guard.c. Success is never
 * reported, whatever the kernel says: systemd-boot would show its menu.
 */

#include "../efi/chain.h"

#define CMDLINE L"\\cmdline"
#define LINE    1024

static CHAR16 options[LINE];
static CHAR16 line[2 * LINE];

static BOOLEAN take_options(const EFI_LOADED_IMAGE *loaded)
{
	if (!loaded->LoadOptions || loaded->LoadOptionsSize >= sizeof(options))
		return FALSE;
	CopyMem(options, loaded->LoadOptions, loaded->LoadOptionsSize);
	return TRUE;
}

/* `*text` goes on behind it. */
static CHAR16 *take_word(CHAR16 **text)
{
	while (**text == ' ')
		(*text)++;
	CHAR16 *word = *text;
	while (**text && **text != ' ')
		(*text)++;
	if (**text)
		*(*text)++ = 0;
	return word;
}

/* The beginning of `line`: what the version says, and a blank; nothing, if it says nothing. */
static void take_cmdline(EFI_HANDLE volume)
{
	static char text[LINE];
	EFI_FILE *root = LibOpenRoot(volume), *file = NULL;
	UINTN size = LINE - 1, n = 0;

	if (!root)
		return;
	if (EFI_ERROR(uefi_call_wrapper(root->Open, 5, root, &file, CMDLINE, EFI_FILE_MODE_READ,
	                                0)) ||
	    EFI_ERROR(uefi_call_wrapper(file->Read, 3, file, &size, text)))
		size = 0;
	for (; n < size && text[n] >= ' ' && text[n] <= '~'; n++)
		line[n] = (CHAR16)text[n];
	if (n)
		line[n] = ' ';
	if (file)
		uefi_call_wrapper(file->Close, 1, file);
	uefi_call_wrapper(root->Close, 1, root);
}

static void boot(EFI_HANDLE image, const EFI_LOADED_IMAGE *loaded)
{
	CHAR16 *rest = options, *number, *kernel;
	EFI_HANDLE volume;

	if (!take_options(loaded)) {
		Print(L"rauc: an entry without options, or with too many\n");
		return;
	}
	number = take_word(&rest);
	kernel = take_word(&rest);
	volume = find_volume(loaded->DeviceHandle, Atoi(number));
	if (volume) {
		take_cmdline(volume);
		StrCat(line, rest);
		start_program(image, FileDevicePath(volume, kernel), line);
	}
	Print(L"rauc: %s on partition %s does not load\n", kernel, number);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_GUID protocol = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded = NULL;

	InitializeLib(image, system);
	if (!EFI_ERROR(
		    uefi_call_wrapper(BS->HandleProtocol, 3, image, &protocol, (void **)&loaded)))
		boot(image, loaded);
	return EFI_LOAD_ERROR;
}
