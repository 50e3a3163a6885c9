# contrib: Open MPI's mpirun through bpsh, units of systemd, completion for bash
pkglibexec_SCRIPTS = bprsh
pkgdata_DATA = bpmix-openmpi.sh
unitdir = $(prefix)/lib/systemd/system
unit_DATA = bpmaster.service bpnode.service
completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = contrib/completion/bpmix.bash
CLEANFILES += bprsh $(pkgdata_DATA) $(unit_DATA)
EXTRA_DIST += contrib/openmpi/bprsh.in contrib/openmpi/bpmix-openmpi.sh.in \
	contrib/systemd/bpmaster.service.in contrib/systemd/bpnode.service.in
bprsh bpmix-openmpi.sh: %: $(top_srcdir)/contrib/openmpi/%.in Makefile
	$(BP_SUBSTITUTE) $< >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
bpmaster.service bpnode.service: %: $(top_srcdir)/contrib/systemd/%.in Makefile
	$(BP_SUBSTITUTE) $< >$@
# Python: warm starts. Not a package: a program adds this folder to its path.
dist_pkgdata_DATA = contrib/python/bpmix.py
