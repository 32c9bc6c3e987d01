#!/usr/bin/env bash
# Runs stages on a machine with a GPU, from the kit that `cargo xtask gpu-kit` packs: see gpu/README.md.
set -uo pipefail

usage() {
    cat <<'TEXT'
gpu/run.sh [--device cuda:0|cpu] [--tiny] [--limit SECONDS] STAGE…

Stages: check   runs ddpm doctor and the GPU tests
        bench   compares the speed with PyTorch
        train   trains a model on all photographs
--tiny  a rehearsal, which takes minutes on a CPU
--limit the seconds that each stage may take (check 240, bench 300, train 540)
OUT     the folder for results (./gpu-out); PYTHON the Python whose PyTorch is used (python3)
TEXT
}

fail() {
    echo "error: $1" >&2
    exit 2
}

device=cuda:0 tiny='' limit='' stages=()
while (($#)); do
    case $1 in
        --device) device=${2:?--device expects cuda:0, or another device} && shift ;;
        --limit) limit=${2:?--limit expects a number of seconds} && shift ;;
        --tiny) tiny=--tiny ;;
        -h | --help) usage && exit 0 ;;
        check | bench | train) stages+=("$1") ;;
        *) fail "expected check, bench or train, got $1: gpu/run.sh --help shows all options" ;;
    esac
    shift
done
((${#stages[@]})) || fail "expected a stage, got none: gpu/run.sh --help shows them"
[[ -z $limit || $limit =~ ^[1-9][0-9]*$ ]] || fail "--limit expects a number of seconds, got $limit"

# The limits for results: at most eight files of at most 16 MB.
most_bytes=16000000 most_files=8
python=${PYTHON:-python3}
out=${OUT:-./gpu-out}
mkdir -p "$out" && out=$(cd "$out" && pwd) || fail "cannot create the folder $out: set OUT to another one"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
kit=$PWD/.gpu-kit
[[ -f $kit/bin/ddpm.gz ]] || fail "the kit is missing in $kit: cargo xtask gpu-kit packs it"

# Importing torch would take seconds.
find_torch='import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")'
torch=$("$python" -c "$find_torch") || fail "$python does not run: set PYTHON to another one"
[[ -n $torch ]] || fail "$python has no PyTorch: set PYTHON to one that does"
export LD_LIBRARY_PATH=$torch/lib
# All sides compute 32-bit products in 32 bits.
export NVIDIA_TF32_OVERRIDE=0
export PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bin=$work/bin
mkdir "$bin"
for program in "$kit"/bin/*; do
    name=$(basename "$program" .gz)
    if [[ $program == *.gz ]]; then gzip -dc "$program" >"$bin/$name"; else cp "$program" "$bin/$name"; fi
    chmod +x "$bin/$name"
done

check() {
    "${timed[@]}" "$python" -u gpu/check.py --bin "$bin" --device "$device" --out "$folder"
}

bench() {
    local options=(--ours eager:DDPM_CUDA_GRAPHS=0 --ours graphs: --ours graphs-cudnn:DDPM_CUDNN_BENCHMARK=1)
    [[ $device == cpu ]] && export DDPM_BENCH_DEVICE=cpu
    if [[ $tiny ]]; then
        export DDPM_BENCH_TINY=1
        options+=(--case unet-cpu --batch 2 --steps 1 --rounds 2 --sample 2,2 --matmul 256 --theirs eager)
    fi
    "${timed[@]}" "$python" -u gpu/bench.py --worker "$bin/worker" --seconds "$((seconds - 15))" --out "$folder/bench.json" \
        "${options[@]}"
}

train() {
    "${timed[@]}" "$python" -u gpu/train.py --ddpm "$bin/ddpm" --photographs "$kit/photographs.tar" --device "$device" \
        --seconds "$((seconds - 15))" --work "$work/train-work" --out "$folder" $tiny
}

# Packs the stage's folder into one archive. While it is too large, the largest file is left out, the weights last.
pack() {
    local archive=$out/$1.tar.gz largest
    tar -C "$work" -czf "$archive" "$1"
    while (($(stat -c %s "$archive") > most_bytes)); do
        largest=$(find "$folder" -type f ! -name "*.log" -printf '%f\t%s\t%p\n' |
            awk -F '\t' '{ print ($1 ~ /\.safetensors$/), $2, $3 }' | sort -k1,1n -k2,2nr | head -n 1 | cut -d ' ' -f 3-)
        [[ -n $largest ]] || break
        echo "left out to keep the archive below 16 MB: $(basename "$largest")" | tee -a "$folder/$1.log"
        rm "$largest"
        tar -C "$work" -czf "$archive" "$1"
    done
}

usual() {
    case $1 in check) echo 240 ;; bench) echo 300 ;; train) echo 540 ;; esac
}

declare -A told=()
for stage in "${stages[@]}"; do
    folder=$work/$stage seconds=${limit:-$(usual "$stage")} started=$SECONDS
    mkdir -p "$folder"
    echo "$stage: at most $seconds s on $device"
    timed=(timeout --signal TERM --kill-after 20 "$seconds")
    "$stage" >"$folder/$stage.log" 2>&1
    status=$? took=$((SECONDS - started))
    case $status in
        0) told[$stage]="ok in $took s" ;;
        124 | 137) told[$stage]="OUT OF TIME after $took s of $seconds" ;;
        *) told[$stage]="FAILED with status $status after $took s" ;;
    esac
    [[ -f $folder/$stage.json ]] ||
        printf '{"stage": "%s", "status": %d, "seconds": %d}\n' "$stage" "$status" "$took" >"$folder/$stage.json"
    pack "$stage"
    cp "$folder/$stage.log" "$folder/$stage.json" "$out/"
done

# If there are too many files, remove the logs, which are also in the archives.
if (($(find "$out" -maxdepth 1 -type f | wc -l) > most_files)); then
    rm -f "$out"/*.log
fi

for stage in "${stages[@]}"; do
    echo
    echo "── the last lines of $stage.log"
    tail -n 24 "$work/$stage/$stage.log" | tr '\r' '\n' | tail -n 24 | cut -c 1-140
done
echo
failed=0
for stage in "${stages[@]}"; do
    echo "$stage: ${told[$stage]}, $(stat -c %s "$out/$stage.tar.gz" | awk '{ printf "%.1f MB", $1 / 1e6 }') in $stage.tar.gz"
    [[ ${told[$stage]} == ok* ]] || failed=1
done
exit $failed
