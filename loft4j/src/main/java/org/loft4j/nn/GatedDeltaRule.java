package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * The gated delta rule; Yang, Kautz and Hatamizadeh 2024 (arXiv:2412.06464), sections 3.1 and 3.3. Each head remembers a matrix
 * S {@code (keyDim, valueDim)}, which fades, and in which a value is corrected where its key points to:
 *
 * <pre>  S ← e^gₜ·S,   S ← S + kₜ·βₜ·(vₜ − Sᵀ·kₜ)ᵀ,   oₜ = Sᵀ·qₜ</pre>
 *
 * <p>It is computed in chunks of {@link MemoryChunks#TOKENS} tokens at most. With γ the sum of g from the start of a chunk, and
 * {@code Γᵢⱼ = e^(γᵢ − γⱼ)} for j ≤ i,
 *
 * <pre>  (I + strictly lower part of β ⊙ K·Kᵀ ⊙ Γ)·(U, W) = (β ⊙ V, β ⊙ e^γ ⊙ K)
 *  N = U − W·S,   O = (e^γ ⊙ Q)·S + (Q·Kᵀ ⊙ Γ)·N,   S ← e^γ_last·S + (e^(γ_last − γ) ⊙ K)ᵀ·N</pre>
 *
 * <p>All but N and S are products over all chunks and heads at once. A chunk of one token is the rule itself.
 */
final class GatedDeltaRule {
    private GatedDeltaRule() {}

    /**
     * What comes out, and what is remembered behind the last token.
     *
     * @param output {@code (batch, seq, heads, valueDim)}
     * @param memory {@code (batch·heads, keyDim, valueDim)}
     */
    record Result(Tensor output, Tensor memory) {}

    /**
     * Applies the rule; all in one type, float32 as a rule.
     *
     * @param query {@code (batch, seq, heads, keyDim)}
     * @param key the same
     * @param value {@code (batch, seq, heads, valueDim)}
     * @param decay g, the logarithms of what remains of the memory, {@code (batch, seq, heads)}, none above 0
     * @param strength β, how far a value is corrected, {@code (batch, seq, heads)}, from 0 to 1
     * @param memory of what came before; null for none
     */
    static Result apply(
            Tensor query, Tensor key, Tensor value, Tensor decay, Tensor strength, @Nullable Tensor memory) {
        try (NativeScope scope = new NativeScope()) {
            long batch = query.size(0);
            long length = query.size(1);
            long heads = query.size(2);
            long keyDim = query.size(3);
            long valueDim = value.size(3);
            Tensor q = MemoryChunks.of(query);
            Tensor k = MemoryChunks.of(key);
            Tensor v = MemoryChunks.of(value);
            Tensor g = MemoryChunks.of(decay.unsqueeze(-1)).cumsum(2);
            Tensor beta = MemoryChunks.of(strength.unsqueeze(-1));
            Tensor grown = g.exp();
            // what lies above the diagonal would overflow, and is not looked at
            Tensor fading = g.sub(g.transpose(-1, -2)).tril(0).exp();
            Tensor kt = k.transpose(-1, -2);
            Tensor system = torch.matmul(k, kt).mul(fading).mul(beta).tril(-1);
            Tensor sides = torch.cat(new TensorVector(v.mul(beta), k.mul(beta.mul(grown))), -1);
            Tensor solved = torch.linalg_solve_triangular(system, sides, false, true, true);
            TensorVector u = torch.unbind(solved.narrow(-1, 0, valueDim));
            TensorVector w = torch.unbind(solved.narrow(-1, valueDim, keyDim));
            Tensor last = g.narrow(2, g.size(2) - 1, 1);
            TensorVector remains = torch.unbind(last.exp());
            TensorVector written = torch.unbind(k.mul(last.sub(g).exp()).transpose(-1, -2));
            Tensor s = memory == null ? torch.zeros(new long[] {batch * heads, keyDim, valueDim}, v.options()) : memory;
            Scalar one = new Scalar(1.0);
            Scalar minus = new Scalar(-1.0);
            TensorVector before = new TensorVector(u.size());
            TensorVector news = new TensorVector(u.size());
            for (long i = 0; i < u.size(); i++) {
                Tensor change = torch.baddbmm(u.get(i), w.get(i), s, one, minus);
                before.put(i, s);
                news.put(i, change);
                s = torch.baddbmm(s.mul(remains.get(i)), written.get(i), change, one, one);
            }
            Tensor scores = torch.matmul(q, kt).mul(fading).tril(0);
            Tensor output =
                    torch.matmul(q.mul(grown), torch.stack(before)).add(torch.matmul(scores, torch.stack(news)));
            Tensor inOrder = MemoryChunks.inOrder(output, batch, length);
            return new Result(scope.toEnclosing(inOrder), scope.toEnclosing(s));
        }
    }
}
