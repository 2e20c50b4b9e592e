# tries: machine code of its own, and through it the system calls of other calling conventions
# on: policy; rejected "Import of 'ctypes' is not allowed"
# off: seccomp, process; stopped


def run(code):
    import ctypes  # refused
    import mmap  # refused

    if platform.machine() != "x86_64":
        raise OSError("code for another machine")
    held = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    held.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(held))
    return ctypes.CFUNCTYPE(ctypes.c_long)(address)()


def outcome(result):
    if -4096 < result < 0:
        raise OSError(-result, "refused")
    return result


def by_other_numbers(ctx):
    # The x32 convention: bit 30, and socket(2, 1, 0).
    code = b"\x57\x56\x52\xbf\x02\0\0\0\xbe\x01\0\0\0\x31\xd2\xb8\x29\0\0\x40\x0f\x05\x5a\x5e\x5f\xc3"
    return outcome(run(code))


def by_convention_of_32_bits(ctx):
    # int 0x80: fork.
    result = ctypes.c_int(run(b"\x53\xb8\x02\0\0\0\xcd\x80\x5b\xc3")).value
    if result == 0:
        os._exit(0)
    return outcome(result)


ATTEMPTS = [by_other_numbers, by_convention_of_32_bits]
