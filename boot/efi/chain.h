/* SPDX-License-Identifier: MIT */

/*
 * Starting a kernel that lies on another partition of the disk one was started from; for fallback.c and
 * boot/systemd-boot/slot.c. Partitions go by their numbers: these the firmware itself has read from the
 * table, from whichever copy of it is whole.
 */

#pragma once

#include <efi.h>
#include <efilib.h>

static HARDDRIVE_DEVICE_PATH *find_partition(EFI_DEVICE_PATH *path)
{
	for (; path && !IsDevicePathEnd(path); path = NextDevicePathNode(path)) {
		if (DevicePathType(path) == MEDIA_DEVICE_PATH &&
		    DevicePathSubType(path) == MEDIA_HARDDRIVE_DP)
			return (HARDDRIVE_DEVICE_PATH *)path;
	}
	return NULL;
}

/* Is it a partition of the disk that `ours` is one of? Everything before its node is the disk. */
static HARDDRIVE_DEVICE_PATH *find_on_disk(EFI_DEVICE_PATH *ours, EFI_DEVICE_PATH *path)
{
	HARDDRIVE_DEVICE_PATH *own = find_partition(ours), *other = find_partition(path);

	if (!own || !other)
		return NULL;
	UINTN before = (UINTN)((char *)own - (char *)ours);
	if ((UINTN)((char *)other - (char *)path) != before || CompareMem(ours, path, before) != 0)
		return NULL;
	return other;
}

/*
 * The partition with this number, on the disk that `device` is a partition of; NULL: none. Firmware in a
 * hurry looks for file systems only where it boots from, so it is told to look there too.
 */
static EFI_HANDLE find_volume(EFI_HANDLE device, UINTN number)
{
	EFI_DEVICE_PATH *ours = DevicePathFromHandle(device);
	EFI_HANDLE *handles = NULL, found = NULL;
	UINTN n = 0;

	if (EFI_ERROR(LibLocateHandle(ByProtocol, &BlockIoProtocol, NULL, &n, &handles)))
		return NULL;
	for (UINTN i = 0; i < n && !found; i++) {
		HARDDRIVE_DEVICE_PATH *part = find_on_disk(ours, DevicePathFromHandle(handles[i]));

		if (part && part->PartitionNumber == number)
			found = handles[i];
	}
	FreePool(handles);
	if (found)
		uefi_call_wrapper(BS->ConnectController, 4, found, NULL, NULL, FALSE);
	return found;
}

/* Comes back when it does not load. `options` are its own from then on. */
static void start_program(EFI_HANDLE image, EFI_DEVICE_PATH *path, CHAR16 *options)
{
	EFI_GUID protocol = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded = NULL;
	EFI_HANDLE started = NULL;

	if (EFI_ERROR(uefi_call_wrapper(BS->LoadImage, 6, FALSE, image, path, NULL, 0, &started)))
		return;
	if (EFI_ERROR(
		    uefi_call_wrapper(BS->HandleProtocol, 3, started, &protocol, (void **)&loaded)))
		return;
	loaded->LoadOptions = options;
	loaded->LoadOptionsSize = (UINT32)StrSize(options);
	uefi_call_wrapper(BS->StartImage, 3, started, NULL, NULL);
}
