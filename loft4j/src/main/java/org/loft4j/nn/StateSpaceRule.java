package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * The state space of Mamba 2; Dao and Gu 2024 (arXiv:2405.21060), section 6. Each head remembers a matrix S {@code (stateDim,
 * headDim)}, which fades, and to which each token adds; heads of a group have the same b and c:
 *
 * <pre>  S ← e^gₜ·S + bₜ·xₜᵀ,   yₜ = Sᵀ·cₜ</pre>
 *
 * <p>It is computed in chunks of {@link MemoryChunks#TOKENS} tokens at most. With γ the sum of g from the start of a chunk, and
 * {@code Γᵢⱼ = e^(γᵢ − γⱼ)} for j ≤ i,
 *
 * <pre>  Y = (C·Bᵀ ⊙ Γ)·X + e^γ ⊙ (C·S),   S ← e^γ_last·S + Bᵀ·(e^(γ_last − γ) ⊙ X)</pre>
 *
 * <p>All but S are products over all chunks at once, those with S over all heads of a group.
 */
final class StateSpaceRule {
    private StateSpaceRule() {}

    /**
     * What comes out, and what is remembered behind the last token.
     *
     * @param output {@code (batch, seq, heads, headDim)}
     * @param memory {@code (batch·groups, stateDim, headsOfAGroup·headDim)}
     */
    record Result(Tensor output, Tensor memory) {}

    /**
     * Applies the rule; all in one type, float32 as a rule.
     *
     * @param x {@code (batch, seq, heads, headDim)}
     * @param b {@code (batch, seq, groups, stateDim)}, of which each is of as many heads that follow each other
     * @param c the same
     * @param decay g, the logarithms of what remains of the memory, {@code (batch, seq, heads)}, none above 0
     * @param memory of what came before; null for none
     */
    static Result apply(Tensor x, Tensor b, Tensor c, Tensor decay, @Nullable Tensor memory) {
        try (NativeScope scope = new NativeScope()) {
            long batch = x.size(0);
            long length = x.size(1);
            long groups = b.size(2);
            long heads = x.size(2) / groups;
            long dim = x.size(3);
            Tensor keys = MemoryChunks.of(b);
            Tensor queries = MemoryChunks.of(c);
            // (chunks, batch·groups, tokens, heads, dim), and g without the last
            Tensor values = MemoryChunks.of(x.flatten(2, 3).unflatten(2, groups, heads * dim))
                    .unflatten(-1, heads, dim);
            Tensor g = MemoryChunks.of(decay.unflatten(2, groups, heads)).cumsum(2);
            Tensor last = g.narrow(2, g.size(2) - 1, 1);
            Tensor kept = values.mul(last.sub(g).exp().unsqueeze(-1)).flatten(-2, -1);
            TensorVector written = torch.unbind(torch.matmul(keys.transpose(-1, -2), kept));
            TensorVector remains = torch.unbind(
                    last.exp().unsqueeze(-1).expand(-1, -1, 1, heads, dim).flatten(-2, -1));
            Tensor s = memory == null
                    ? torch.zeros(new long[] {batch * groups, b.size(3), heads * dim}, x.options())
                    : memory;
            TensorVector before = new TensorVector(written.size());
            for (long i = 0; i < written.size(); i++) {
                before.put(i, s);
                s = torch.addcmul(written.get(i), s, remains.get(i));
            }
            Tensor earlier = torch.matmul(queries, torch.stack(before))
                    .unflatten(-1, heads, dim)
                    .mul(g.exp().unsqueeze(-1));
            // (chunks, batch·groups, heads, tokens, tokens); what lies above the diagonal would overflow, and is not
            // looked at
            Tensor byHead = g.transpose(-1, -2);
            Tensor fading =
                    byHead.unsqueeze(-1).sub(byHead.unsqueeze(-2)).tril(0).exp();
            Tensor scores =
                    torch.matmul(queries, keys.transpose(-1, -2)).tril(0).unsqueeze(2);
            Tensor within = torch.matmul(fading.mul(scores), values.transpose(2, 3));
            Tensor output = earlier.add(within.transpose(2, 3)).flatten(-2, -1);
            Tensor inOrder =
                    MemoryChunks.inOrder(output, batch, length).flatten(2, 3).unflatten(2, groups * heads, dim);
            return new Result(scope.toEnclosing(inOrder), scope.toEnclosing(s));
        }
    }
}
