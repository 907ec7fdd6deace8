/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * The network as a part of the program, in a section of its own. */
__asm__(".section .network, \"a\"\n"
        ".balign 16\n"
        ".global network_start\n"
        "network_start:\n"
        ".incbin \"network.nnb\"\n"
        ".global network_end\n"
        "network_end:\n"
        ".balign 16\n"
        ".text\n");
