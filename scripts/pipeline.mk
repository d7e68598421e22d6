# The whole chain over the shards of a pool, for GNU Make 4.2 or newer:
#
#   make -f scripts/pipeline.mk -j8 POOL=pool/ TARGET=task.jsonl K=5000 MODEL=hash WORK=build/task
#   make -f scripts/pipeline.mk help
#
# Each output is made from what stands before it and from a file in made-with/ that holds the options and the names,
# sizes and times of what is read; that file is rewritten only when they change. So a changed input (even by an older
# one), option or model rebuilds just what depends on it. The commands let outputs appear whole or not at all, so make
# can be killed at any moment: the same line goes on. Names must be free of spaces and of what is in ODD.

define HELP
pipeline.mk: chunk, embed, fit, score, choose.
  POOL    folder of records (JSON Lines, Parquet, CSV ..., in folders too), or a list of files, patterns or URLs
  TARGET  records of the task; several files are read one after the other
  K       how many records to choose (or TOPK="--fraction 0.01")
  MODEL   of ds-embed; default hash; "hash FOLDER" for both side by side
  WORK    where outputs go; default build/pipeline
  NAME    of the target's folder in WORK; default the target's name
  CHUNK, EMBED, STATS, SCORE, TOPK   more options of the commands, as CHUNK="--chars 500"
  STATS_SHARDS   so many shards, spread over the pool, are read for the potentials; default all
  FIELD   of records, for the goal `report`: its shares in the pool and in the choice; default domain
WORK/chunks and WORK/emb serve every target; WORK/NAME/selected.jsonl.zst is the choice. The goal `report` prints what it is,
and writes WORK/NAME/report.html where what draws it is installed (pip install 'gotd[report]').

endef

MODEL ?= hash
WORK  ?= build/pipeline
FIELD ?= domain
# Beside this file. Make cannot tell where that is if the folder's name has a space: ds-pipeline says it.
GOTD_REPORT ?= $(dir $(lastword $(MAKEFILE_LIST)))report.py

# ---- What is read: names, and for files size and time

PLAIN    := .jsonl .ndjson .json .csv .tsv .txt .warc.wet .wet .warc
SUFFIXES := $(foreach packed,.zst .gz .xz .bz2,$(PLAIN:%=%$(packed))) $(PLAIN) .parquet .arrow .feather
stem   = $(or $(firstword $(foreach s,$(SUFFIXES),$(patsubst %$s,%,$(filter %$s,$(notdir $1))))),$(notdir $1))
urls   = $(foreach f,$1,$(if $(findstring ://,$f),$f))
local  = $(filter-out $(call urls,$1),$1)
#: size.time@@name of files. No character that would take the line through a shell: it may be long.
seen   = $(if $1,$(shell stat -L -c %s.%.9Y@@%n $1))
name   = $(lastword $(subst @@, ,$1))
tree   = $(if $(wildcard $1/.),$(sort $(shell find -L $1 -type f -printf '%s.%T@@@%p\n')))

# What make or the shell reads as something else; @@ ends what `seen` says of a file.
ODD := " ' ` \# $$ % & * : ; < > ? \ | ~ @@ ( ) [ ] { }
#: URLs may have colons, but not in the last part, which names the shard.
bare = $(if $(findstring ://,$1),$(subst :,,$(dir $1))$(notdir $1),$1)
odd  = $(strip $(foreach n,$1,$(if $(strip $(foreach c,$(ODD),$(findstring $c,$(call bare,$n)))),$n)))

#: Records in a folder and those in it; of what save_to_disk of datasets wrote the data. A folder that cannot be looked
#: into for its name stays, to be refused.
under       = $(if $(and $(wildcard $1/state.json),$(wildcard $1/dataset_info.json)),$(wildcard $1/data-*.arrow),$\
              $(foreach f,$(filter-out $1/dataset_dict.json,$(wildcard $1/[!_]*)),$(call in_folder,$f)))
in_folder   = $(or $(if $(wildcard $1/.),$(call under,$1)),$(filter $(addprefix %,$(SUFFIXES)),$1),$\
              $(if $(findstring .,$(notdir $1)),,$(call odd,$1)))
#: A pattern that nothing matches stays as it is.
in_pool     = $(if $(wildcard $1/.),$(call under,$(1:%/=%)),$(or $(wildcard $1),$1))
POOL_FILES := $(sort $(foreach p,$(POOL),$(call in_pool,$p)))
# Before the first $(shell): no part of a name may be run.
REFUSED    := $(firstword $(call odd,$(POOL_FILES) $(TARGET) $(WORK) $(NAME)))
ifneq ($(REFUSED),)
  $(error pipeline.mk: $(REFUSED): no file matches it, or a name holds one of $(ODD))
endif
POOL_SEEN  := $(call seen,$(call local,$(POOL_FILES))) $(foreach u,$(call urls,$(POOL_FILES)),url@@$u)
# Shards of one name are called by their folders, too: by what lies under the folder that all of them share.
twice       = $(strip $(foreach s,$(sort $1),$(if $(word 2,$(filter $s,$1)),$s)))
absolute    = $(if $(findstring ://,$1),$1,$(abspath $1))
POOL_PLACES := $(foreach f,$(POOL_FILES),$(call absolute,$f))
shared      = $(if $(filter-out $1%,$(POOL_PLACES)),$(if $(filter / ./,$1),$1,$(call shared,$(dir $(1:%/=%)))),$1)
COMMON     := $(if $(call twice,$(foreach f,$(POOL_FILES),$(call stem,$f))),$(call shared,$(dir $(firstword $(POOL_PLACES)))))
shard       = $(if $(COMMON),$(patsubst $(COMMON)%,%,$(dir $(call absolute,$1))))$(call stem,$1)
SHARDS     := $(foreach f,$(POOL_FILES),$(call shard,$f))
NAME       ?= $(call stem,$(firstword $(TARGET)))
OUT         = $(WORK)/$(NAME)

CHUNKS := $(SHARDS:%=$(WORK)/chunks/%.jsonl.zst)
EMB    := $(SHARDS:%=$(WORK)/emb/%.npy)
# With STATS_SHARDS so many of them, spread evenly.
spread  = $(shell awk 'BEGIN { len = $1; n = $2 < len ? $2 : len; for (i = 0; i < n; i++) print int(i * len / n) + 1 }')
FITTED := $(if $(STATS_SHARDS),$(foreach i,$(call spread,$(words $(EMB)),$(STATS_SHARDS)),$(word $i,$(EMB))),$(EMB))
SCORES  = $(SHARDS:%=$(OUT)/scores/%.npy)

# ---- Bad input, before anything is done

ifeq ($(filter help,$(MAKECMDGOALS)),)
  ifneq ($(filter 3.% 4.0% 4.1%,$(MAKE_VERSION)),)
    $(error pipeline.mk: GNU Make $(MAKE_VERSION) is too old: 4.2 or newer is wanted)
  endif
  ifneq ($(call urls,$(WORK)),)
    $(error pipeline.mk: WORK=$(WORK): wanted a folder on a disk)
  endif
  MISSING := $(strip $(if $(POOL),,POOL) $(if $(TARGET),,TARGET) $(if $(K)$(TOPK),,K))
  ifneq ($(MISSING),)
    $(error pipeline.mk: not set: $(MISSING); see make -f $(firstword $(MAKEFILE_LIST)) help)
  endif
  ABSENT := $(strip $(foreach f,$(call local,$(POOL_FILES) $(TARGET)),$(if $(wildcard $f),,$f)))
  ifneq ($(ABSENT),)
    $(error pipeline.mk: no such file: $(ABSENT))
  endif
  ifeq ($(POOL_FILES),)
    $(error pipeline.mk: no records in $(POOL): looked for $(SUFFIXES:%=*%))
  endif
  ifneq ($(call twice,$(SHARDS)),)
    $(error pipeline.mk: several shards are called $(call twice,$(SHARDS)); outputs are named after them)
  endif
endif

.PHONY: choose report help FORCE
choose: $(OUT)/selected.jsonl.zst
	@echo "chosen: $<"
#: What draws a page may not be installed: then the goal says so, and is as good as done.
drawn = $(if $(filter report,$(MAKECMDGOALS)),$(shell python -c 'from importlib.util import find_spec as has; \
    print("yes" if has("matplotlib") and has("jinja2") else "")'))
PAGE := $(if $(drawn),$(OUT)/report.html)
report: $(OUT)/selected.jsonl.zst $(PAGE)
	@python "$(GOTD_REPORT)" $(FIELD) $< $$(cat $(OUT)/made-with/chunk-files)
	@echo "$(if $(PAGE),report: $(PAGE),no report.html: pip install 'gotd[report]' for it)"
	@echo "chosen: $<"
help:
	$(info $(HELP))@:
FORCE:
.SUFFIXES:

# ---- made-with/: $(call made-with,FILE,TEXT) is the rule of a FILE that holds TEXT

same = $(and $(findstring <$1>,<$2>),$(findstring <$2>,<$1>))
# Make itself writes it: a shell's line holds 128 KiB, and the names of all shards may be more. Not under -n, which
# expands recipes, too.
write = $(if $(findstring n,$(firstword -$(MAKEFLAGS))),,$(shell mkdir -p $(@D))$(file > $@.new,$(text)))mv $@.new $@
# With an equals sign in a name (date=2024/) a rule reads as a variable, unless it comes from one.
equals := =
escaped = $(subst =,$$(equals),$1)
define made-with-rule
$(call escaped,$1): text := $2
$(call escaped,$1): $(if $(call same,$(file < $1),$2),,FORCE)
	@$$(write)
endef
made-with = $(eval $(call made-with-rule,$1,$(strip $2)))

$(foreach s,$(POOL_SEEN),$(call made-with,$(WORK)/made-with/shards/$(call shard,$(call name,$s)),ds-chunk $(CHUNK) $s))
$(call made-with,$(WORK)/made-with/embed,ds-embed $(MODEL) $(EMBED) $(foreach m,$(MODEL),$(call tree,$m)))
$(call made-with,$(OUT)/made-with/target,ds-embed $(TARGET) $(call seen,$(call local,$(TARGET))))
$(call made-with,$(OUT)/made-with/stats,ds-target-stats $(STATS))
$(call made-with,$(OUT)/made-with/score,ds-score $(SCORE))
$(call made-with,$(OUT)/made-with/topk,ds-topk $(K) $(TOPK))
$(call made-with,$(OUT)/made-with/chunk-files,$(CHUNKS))
$(call made-with,$(OUT)/made-with/emb-files,$(FITTED))

# ---- The chain

# With -jN the commands share the processors out; what runs alone has them all.
at_once = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),$(if $(filter -j,$(MAKEFLAGS)),$(CPUS),1))
CPUS   := $(shell nproc)
ifndef DS_THREADS
  export DS_THREADS = $(shell expr \( $(CPUS) + $(at_once) - 1 \) / $(at_once))
  $(OUT)/target.npz: export DS_THREADS = $(CPUS)
endif

MODELS = $(MODEL:%=--model %)
# A command leaves an output alone whose seal says that it is this one already: then it is as good as new.
made = touch -c $@
folder = @mkdir -p $(@D)

$(foreach f,$(call local,$(POOL_FILES)),$(eval $(call escaped,$(WORK)/chunks/$(call shard,$f).jsonl.zst: $f)))
$(foreach f,$(POOL_FILES),$(eval file-of-$(call escaped,$(call shard,$f)) := $f))

# Small shards take less time than a process takes to begin. Of those of which nothing is there yet one process makes
# several first; what it leaves out, for an error in one of them, has a process of its own then. (A process for several
# names its outputs after files alone, so that shards called by their folders are made one by one.)
SMALL     := 16384k
small      = $(foreach f,$(shell find -L $(POOL_FILES) -prune -size -$(SMALL)),$(call shard,$f))
new        = $(foreach s,$1,$(if $(wildcard $(WORK)/chunks/$s.jsonl.zst $(WORK)/emb/$s.npy),,$s))
SMALL_NEW := $(if $(strip $(COMMON) $(call urls,$(POOL_FILES))),,$(call new,$(small)))
if_not_yet = $(if $(filter $*,$(SMALL_NEW)),@test -e $@ || { $1; },$1)

#: Of $2 shards so many to a process that at least $1 have something to do, and one more.
each       = $(shell awk 'BEGIN { n = int(($2 + $1 - 1) / ($1)); n = n < 16 ? n : 16; print n, n + 1 }')
#: $(call in-slices,FUNCTION,LENGTH,LENGTH + 1,LIST)
in-slices  = $(if $4,$(call $1,$(wordlist 1,$2,$4))$(call in-slices,$1,$2,$3,$(wordlist $3,$(words $4),$4)))
slices     = $(call in-slices,$1,$(word 1,$2),$(word 2,$2),$3)

define together-rules
.PHONY: together/chunks/$1 together/emb/$1
$(call escaped,$(2:%=$(WORK)/chunks/%.jsonl.zst)): | together/chunks/$1
$(call escaped,$(2:%=$(WORK)/emb/%.npy)): | together/emb/$1
together/chunks/$1: $(call escaped,$(2:%=$(WORK)/made-with/shards/%))
	@mkdir -p $(WORK)/chunks
	-ds-chunk $$(CHUNK) $(foreach s,$2,$(file-of-$s)) -o $(WORK)/chunks/
together/emb/$1: $(call escaped,$(WORK)/made-with/embed) | together/chunks/$1
	@mkdir -p $(WORK)/emb
	-ls -d $(2:%=$(WORK)/chunks/%.jsonl.zst) 2> /dev/null | \
	    xargs -r ds-embed $$(MODELS) $$(EMBED) -o $(WORK)/emb/
endef
together    = $(if $(word 2,$1),$(eval $(call together-rules,$(call escaped,$(firstword $1)),$1)))
$(call slices,together,$(call each,2 * $(CPUS),$(words $(SMALL_NEW))),$(SMALL_NEW))

$(WORK)/chunks/%.jsonl.zst: $(WORK)/made-with/shards/%
	$(folder)
	$(call if_not_yet,ds-chunk $(CHUNK) $(file-of-$*) -o $@ && $(made))

$(WORK)/emb/%.npy: $(WORK)/chunks/%.jsonl.zst $(WORK)/made-with/embed
	$(folder)
	$(call if_not_yet,ds-embed $(MODELS) $(EMBED) $< -o $@ && $(made))

$(OUT)/target.npy: $(call local,$(TARGET)) $(OUT)/made-with/target $(WORK)/made-with/embed
	$(folder)
	ds-embed $(MODELS) $(EMBED) $(TARGET) -o $@ && $(made)

# target.npz arrives last: where it is, its summary is.
$(OUT)/target.npz: $(OUT)/target.npy $(FITTED) $(addprefix $(OUT)/made-with/,stats emb-files)
	ds-target-stats $(STATS) --target $< $$(cat $(OUT)/made-with/emb-files) -o $(@D)/fitted.npz > $(@D)/fitted.json
	mv $(@D)/fitted.json $(@D)/summary.json && mv $(@D)/fitted.npz $@

# A new target makes all scores anew, several by one process where make knows rules of several targets (from 4.3 on).
scores     = $(1:%=$(OUT)/scores/%.npy)
vectors    = $(1:%=$(WORK)/emb/%.npy)
define score-rule
$(call escaped,$(scores) &: $(vectors) $(OUT)/target.npz $(OUT)/made-with/score)
	@mkdir -p $(OUT)/scores
	ds-score $$(SCORE) --target $(OUT)/target.npz $(vectors) -o $(OUT)/scores/ && touch -c $(scores)
endef
score-together = $(if $(word 2,$1),$(eval $(call score-rule,$1)))
ifneq ($(filter grouped-target,$(.FEATURES)),)
  $(if $(COMMON),,$(call slices,score-together,$(call each,$(CPUS),$(words $(SHARDS))),$(SHARDS)))
endif

$(OUT)/scores/%.npy: $(WORK)/emb/%.npy $(OUT)/target.npz $(OUT)/made-with/score
	$(folder)
	ds-score $(SCORE) --target $(OUT)/target.npz $< -o $@ && $(made)

$(OUT)/selected.jsonl.zst: $(CHUNKS) $(SCORES) $(addprefix $(OUT)/made-with/,topk chunk-files)
	ds-topk $(if $(K),-k $(K)) $(TOPK) --scores $(@D)/scores/ $$(cat $(OUT)/made-with/chunk-files) -o $@

$(OUT)/report.html: $(OUT)/selected.jsonl.zst
	ds-embed $(MODELS) $(EMBED) $< -o $(@D)/selected.npy
	ds-report --choice $< --scores $(@D)/scores/ --target $(@D)/target.npz --target-vectors $(@D)/target.npy \
	    $(TARGET:%=--target-texts %) --vectors $(@D)/selected.npy $$(cat $(OUT)/made-with/chunk-files) -o $@
