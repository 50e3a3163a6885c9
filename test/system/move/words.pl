#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
# words.pl - moves in the middle of a sort's comparison, with closures and hashes; judges itself.
use strict;
use warnings;
use DynaLoader;

my $library = DynaLoader::dl_load_file($ARGV[0]) or die DynaLoader::dl_error();
my $symbol = DynaLoader::dl_find_symbol($library, "perl_hop") or die DynaLoader::dl_error();
DynaLoader::dl_install_xsub("main::hop", $symbol);

my %count;
$count{$_ % 977}++ for 1 .. 100000;
my $calls = 0;
my $after = sub { $calls++ == 500 and hop(); return $_[0] <=> $_[1] };
my @sorted = sort { $after->($count{$a}, $count{$b}) || $a <=> $b } keys %count;
my $text = join ",", map { sprintf "%d:%d", $_, $count{$_} } @sorted[0 .. 2];
$text =~ s/(\d+):(\d+)/$2:$1/g;
die "wrong: $text\n" unless $text eq "102:0,102:347,102:348" and @sorted == 977;
eval { die { code => 7 } };
die "wrong: an exception after\n" unless $@->{code} == 7;
require POSIX; # a library loaded after
die "wrong: POSIX\n" unless POSIX::floor(3.7) == 3 and `echo child` eq "child\n";
