"""What a LoRA step takes with Transformers on PyTorch, model by model; families.md tells how to call it.

Makes a small model with random weights, saves it where loft4j's ModelStep reads it, and times steps on random inputs:
rank 16 on all linear layers but the head, 1024 tokens, or 4 images of 224 pixels, or 4 texts of 256 tokens of which 64 are written.

    python families.py DIRECTORY NAME ROW_TOKENS STEPS [DTYPE [FEWEST]]   times one
    python families.py tokens DIRECTORY NAME ROWS PROMPT COUNT DTYPE     times what it writes, as ModelTokens does
    python families.py list                                                names them, with their tasks

DTYPE is of the base, float32 or bfloat16; the factors are float32, as PEFT has them. With FEWEST the rows of each step have a length of
their own, from there to ROW_TOKENS.
"""

import json
import os
import resource
import sys
import time

SIZES = dict(
    vocab_size=8192, hidden_size=512, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=8,
    intermediate_size=1408, max_position_embeddings=1024, head_dim=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    tie_word_embeddings=False)
EXPERTS = dict(num_experts=8, num_local_experts=8, num_experts_per_tok=2, moe_intermediate_size=512)
DELTA = dict(
    num_key_value_heads=2, layer_types=["linear_attention"] * 3 + ["full_attention"], linear_num_value_heads=8,
    linear_num_key_heads=4, linear_key_head_dim=64, linear_value_head_dim=64)
DROPS = dict(intermediate_size=2048, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
DISENTANGLED = dict(
    DROPS, relative_attention=True, position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True,
    pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0, max_position_embeddings=512)
CAUSAL, CLASSES, WRITES, IMAGES = "causal-lm", "sequence-classification", "seq2seq-lm", "image-classification"

# name: model_type, task, what differs from SIZES
MODELS = {
    "llama": ("llama", CAUSAL, {}),
    "qwen3": ("qwen3", CAUSAL, dict(num_key_value_heads=2)),
    "gemma3": ("gemma3_text", CAUSAL, dict(
        num_key_value_heads=2, query_pre_attn_scalar=64, sliding_window=128, tie_word_embeddings=True)),
    "granite-4-h": ("granitemoehybrid", CAUSAL, dict(
        layer_types=["mamba"] * 3 + ["attention"], num_local_experts=0, shared_intermediate_size=1408, mamba_n_heads=16,
        mamba_d_head=64, mamba_d_state=64, mamba_expand=2, mamba_n_groups=1, mamba_chunk_size=256,
        position_embedding_type="rope")),
    "lfm2": ("lfm2", CAUSAL, dict(
        layer_types=["conv", "conv", "full_attention", "conv"], block_auto_adjust_ff_dim=False, num_key_value_heads=4)),
    "qwen3-moe": ("qwen3_moe", CAUSAL, dict(EXPERTS, num_key_value_heads=2)),
    "qwen3-next": ("qwen3_next", CAUSAL, dict(EXPERTS, shared_expert_intermediate_size=512, **DELTA)),
    "gpt-oss": ("gpt_oss", CAUSAL, dict(
        intermediate_size=512, num_local_experts=8, num_experts_per_tok=2, num_key_value_heads=2, sliding_window=128)),
    "gpt2": ("gpt2", CAUSAL, dict(n_embd=512, n_layer=4, n_head=8, n_positions=1024)),
    "bert": ("bert", CLASSES, DROPS),
    "deberta-v3": ("deberta-v2", CLASSES, DISENTANGLED),
    "modernbert": ("modernbert", CLASSES, dict(intermediate_size=768, reference_compile=False)),
    "t5": ("t5", WRITES, dict(
        d_model=512, d_kv=64, d_ff=2048, num_layers=4, num_decoder_layers=4, num_heads=8, decoder_start_token_id=0)),
    "bart": ("bart", WRITES, dict(
        d_model=512, encoder_layers=4, decoder_layers=4, encoder_attention_heads=8, decoder_attention_heads=8,
        encoder_ffn_dim=2048, decoder_ffn_dim=2048, dropout=0.1, attention_dropout=0.1, decoder_start_token_id=2)),
    "vit": ("vit", IMAGES, dict(intermediate_size=2048)),
    "dinov2": ("dinov2", IMAGES, dict(patch_size=14, image_size=224)),
}

HEADS = ("lm_head", "classifier", "score", "pre_classifier")


def lora(layer, inputs, outputs, torch):
    class Lora(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.base = layer
            self.a = torch.nn.Parameter(torch.randn(16, inputs) / 16)
            self.b = torch.nn.Parameter(torch.zeros(outputs, 16))

        weight = property(lambda self: self.base.weight)
        bias = property(lambda self: self.base.bias)

        def forward(self, x):
            return self.base(x) + (x.to(self.a.dtype) @ self.a.T @ self.b.T).to(x.dtype)

    return Lora()


def adapted(model, torch):
    from transformers.pytorch_utils import Conv1D

    factors = []
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for path, module in list(model.named_modules()):
        for name, layer in list(module.named_children()):
            place = f"{path}.{name}"
            if any(part in HEADS or part in ("router", "pooler") for part in place.split(".")) or place.endswith("mlp.gate"):
                continue
            if isinstance(layer, torch.nn.Linear):
                wrapped = lora(layer, layer.in_features, layer.out_features, torch)
            elif isinstance(layer, Conv1D):
                wrapped = lora(layer, *layer.weight.shape, torch)
            else:
                continue
            setattr(module, name, wrapped)
            factors += [wrapped.a, wrapped.b]
    return factors


def main(directory, name, longest, steps, dtype="float32", fewest=None):
    import torch
    import transformers as hf

    kind, task, differs = MODELS[name]
    torch.manual_seed(0)
    labels = dict(num_labels=4) if task in (CLASSES, IMAGES) else {}
    opener = {CAUSAL: hf.AutoModelForCausalLM, CLASSES: hf.AutoModelForSequenceClassification,
              WRITES: hf.AutoModelForSeq2SeqLM, IMAGES: hf.AutoModelForImageClassification}[task]
    config = hf.AutoConfig.for_model(kind, **{**(SIZES if "d_model" not in differs else dict(vocab_size=8192)), **differs, **labels})
    model = opener.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            # experts are left as the memory happens to be
            if parameter.dim() == 3 or not torch.isfinite(parameter).all() or parameter.abs().max() > 1e3:
                parameter.normal_(0, 0.02)
    if not os.path.exists(os.path.join(directory, name)):
        model.save_pretrained(os.path.join(directory, name))
    model.to(getattr(torch, dtype))
    factors = adapted(model, torch)
    optimizer = torch.optim.AdamW(factors, lr=1e-4)
    model.train()
    seconds = []
    for _ in range(steps + 2):
        rows = 1024 // max(1, longest)
        columns = longest if fewest is None else int(torch.randint(fewest, longest + 1, ()))
        texts = lambda count, length: torch.randint(3, 8192, (count, length))
        inputs = {
            CAUSAL: lambda: (lambda ids: dict(input_ids=ids, labels=ids))(texts(rows, columns)),
            CLASSES: lambda: dict(input_ids=texts(rows, columns), labels=torch.zeros(rows, dtype=torch.long)),
            WRITES: lambda: dict(input_ids=texts(4, 256), labels=texts(4, 64)),
            IMAGES: lambda: dict(pixel_values=torch.rand(4, 3, 224, 224).to(model.dtype), labels=torch.zeros(4, dtype=torch.long)),
        }[task]()
        if task in (CAUSAL, WRITES):
            inputs["use_cache"] = False
        start = time.perf_counter()
        model(**inputs).loss.backward()
        torch.nn.utils.clip_grad_norm_(factors, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    median, mean = sorted(seconds[2:])[steps // 2], sum(seconds[2:]) / steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 1_000_000
    print(json.dumps(dict(model=name, tokens=longest, dtype=dtype, seconds=round(median, 4), mean=round(mean, 4), peak_mb=peak)))


def tokens(directory, name, rows, length, count, dtype):
    import torch
    import transformers as hf

    opener = hf.AutoModelForSeq2SeqLM if MODELS[name][1] == WRITES else hf.AutoModelForCausalLM
    model = opener.from_pretrained(os.path.join(directory, name), torch_dtype=getattr(torch, dtype)).eval()

    class Clock(hf.LogitsProcessor):
        def __init__(self):
            self.times = [time.perf_counter()]

        def __call__(self, ids, logits):
            self.times.append(time.perf_counter())
            return logits

    first, further = [], []
    for turn in range(7):
        torch.manual_seed(turn)
        ids = torch.randint(3, 8192, (rows, length))
        clock = Clock()
        model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, min_new_tokens=count, do_sample=False,
            num_beams=1, pad_token_id=0, logits_processor=hf.LogitsProcessorList([clock]))
        if turn >= 2:
            times = [1000 * (b - a) for a, b in zip(clock.times, clock.times[1:])]
            first.append(times[0])
            further += times[1:]
    median = lambda values: round(sorted(values)[len(values) // 2], 2)
    print(json.dumps(dict(model=name, rows=rows, prompt=length, dtype=dtype, first_ms=median(first), token_ms=median(further))))


if __name__ == "__main__":
    if sys.argv[1] == "tokens":
        tokens(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]), sys.argv[7])
    elif sys.argv[1] == "list":
        for name, (_, task, _) in MODELS.items():
            print(name, task)
    else:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:6], *map(int, sys.argv[6:7]))
