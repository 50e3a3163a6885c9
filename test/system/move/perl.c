/* SPDX-License-Identifier: BSD-3-Clause */
/* perl.c - hop() as a function of Perl, main::hop, once perl.so is loaded by DynaLoader. */
#define PERL_NO_GET_CONTEXT
#include <EXTERN.h>
#include <perl.h>
#include <XSUB.h>

#include "move_test.h"

XS(perl_hop);
XS(perl_hop)
{
    dXSARGS;
    (void)items;
    (void)sp;
    hop_here(NULL);
    XSRETURN_EMPTY;
}
