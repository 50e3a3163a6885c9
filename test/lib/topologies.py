# SPDX-License-Identifier: BSD-3-Clause
"""topologies.py - made-up computers as hwloc XML files, for bpmap --topology and bptopo --xml."""


def _mask(bits):
    """hwloc's way to write a set: 32-bit words, the highest first."""
    words = []
    while bits or not words:
        words.insert(0, "0x%08x" % (bits & 0xffffffff))
        bits >>= 32
    return ",".join(words)


class _Writer:
    def __init__(self, total, threads):
        self.lines, self.total, self.threads, self.numas = [], total, threads, 0
        self.counts = {}

    def cpus(self, first, count):
        """PUs of cores: Linux numbers all first threads first."""
        bits = 0
        for core in range(first, first + count):
            for thread in range(self.threads):
                bits |= 1 << (thread * self.total + core)
        return bits

    def open(self, kind, bits, nodes, more=""):
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        self.lines.append('<object type="%s" os_index="%d" cpuset="%s" complete_cpuset="%s" nodeset="%s" '
                          'complete_nodeset="%s" %s>' % (kind, number, _mask(bits), _mask(bits),
                                                         _mask(nodes), _mask(nodes), more))

    def close(self):
        self.lines.append("</object>")

    def numa(self, bits, number):
        self.lines.append('<object type="NUMANode" os_index="%d" cpuset="%s" complete_cpuset="%s" '
                          'nodeset="%s" complete_nodeset="%s" local_memory="1073741824"/>'
                          % (number, _mask(bits), _mask(bits), _mask(1 << number), _mask(1 << number)))


    def device(self, pci_type, name, kind, infos=()):
        """A PCI device behind a bridge of its own."""
        number = self.counts.get("device", 0)
        self.counts["device"] = number + 1
        bus = 16 * (number + 1)
        self.lines += [
            '<object type="Bridge" bridge_type="0-1" depth="0" bridge_pci="0000:[%02x-%02x]">' % (bus, bus + 1),
            '<object type="PCIDev" pci_busid="0000:%02x:00.0" pci_type="%s" pci_link_speed="63.0">'
            % (bus, pci_type),
            '<object type="OSDev" name="%s" %s>' % (name, kind)]
        self.lines += ['<info name="%s" value="%s"/>' % info for info in infos]
        self.lines += ["</object>", "</object>", "</object>"]


def topology(packages=1, numas=1, l3s=1, cores=1, threads=1, gpus=(), nics=()):
    """packages x NUMA nodes x L3 caches x cores x threads; for each GPU and NIC the number of its NUMA
    node."""
    per_numa = l3s * cores
    total = packages * numas * per_numa
    out = _Writer(total, threads)
    every = (1 << (packages * numas)) - 1
    out.open("Machine", out.cpus(0, total), every, 'allowed_cpuset="%s" allowed_nodeset="%s"' % (
        _mask(out.cpus(0, total)), _mask(every)))
    for package in range(packages):
        first = package * numas * per_numa
        out.open("Package", out.cpus(first, numas * per_numa),
                 ((1 << numas) - 1) << (package * numas))
        for _ in range(numas):
            _numa(out, first, l3s, cores, gpus, nics)
            first += per_numa
        out.close()
    out.close()
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n'
            '<topology version="2.0">\n%s\n</topology>\n' % "\n".join(out.lines))


def _devices(out, numa, gpus, nics):
    for number, near in enumerate(nics):
        if near == numa:
            out.device("0207 [15b3:1021] [15b3:0041] 00", "mlx5_%d" % number, 'osdev_type="3"')
    for number, near in enumerate(gpus):
        if near == numa:
            out.device("0302 [10de:2335] [10de:18be] a1", "nvml%d" % number,
                       'subtype="NVML" osdev_type="1"',
                       [("Backend", "NVML"), ("GPUVendor", "NVIDIA Corporation"),
                        ("GPUModel", "NVIDIA H200"), ("NVIDIAUUID", "GPU-%08d" % number)])


def _numa(out, first, l3s, cores, gpus, nics):
    number = out.counts.get("Group", 0)
    bits = out.cpus(first, l3s * cores)
    out.open("Group", bits, 1 << number)
    out.numa(bits, number)
    for _ in range(l3s):
        bits = out.cpus(first, cores)
        out.open("L3Cache", bits, 1 << number, 'cache_size="33554432" depth="3" cache_linesize="64" '
                 'cache_associativity="16" cache_type="0"')
        for core in range(first, first + cores):
            _core(out, core, number)
        out.close()
        first += cores
    _devices(out, number, gpus, nics)
    out.close()


def _core(out, core, numa):
    out.open("Core", out.cpus(core, 1), 1 << numa)
    for thread in range(out.threads):
        bit = 1 << (thread * out.total + core)
        out.lines.append('<object type="PU" os_index="%d" cpuset="%s" complete_cpuset="%s" nodeset="%s" '
                         'complete_nodeset="%s"/>' % (thread * out.total + core, _mask(bit), _mask(bit),
                                                      _mask(1 << numa), _mask(1 << numa)))
    out.close()
