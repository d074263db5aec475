package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * Shortens the steps of single rows of B, or columns of A, that begin to swing, while the factors take turns.
 *
 * <p>What only one factor can reach moves in every second step, but the momentum takes in a gradient in each: two alike for one
 * move, {@code β₁²} in place of {@code β₁}. With a curvature h the moves are stable while {@code η·h/√V < 2·(1 + β₁²)/(1 − β₁²)},
 * half of AdamW's bound; and where gradients vanish, V, an average over all steps, falls until some row passes it. At the bound the
 * shortest swing leaves, after a move, a gradient of {@code c = (1 + β₁²)/(1 − β₁²)} times the momentum that made it. After each
 * move
 *
 * <pre>  x = |⟨g, m̂⟩| − c·‖m̂‖² where ‖g‖² &lt; 1/25·Σⱼ V_ij, else 0,  q ← ¾·q + x</pre>
 *
 * with the parts of g and m̂ that the other factor cannot reach, of which there are none at full rank. A row with {@code x > 0} and
 * {@code q > 0} makes moves of {@link #SHORTER} of their length from then on, which come back by {@code 1/β₂} at each look, as V
 * forgets. Noise has gradients as large as √V, and a momentum that is small by chance is not so for long: it is left alone.
 */
final class OvershootGuard implements AutoCloseable {
    /** What a row that overshoots keeps of its moves. */
    private static final double SHORTER = 0.8;

    /** {@code ‖g‖²} of a row below this share of its V is not all noise. */
    private static final double QUIET = 1.0 / 25;

    /** What q keeps from look to look. */
    private static final double KEPT = 0.75;

    private final LoftConfig config;
    private final Tensor share;
    private final Tensor swing;

    private OvershootGuard(LoftConfig config, Tensor wide) {
        this.config = config;
        try (NativeScope scope = new NativeScope()) {
            share = NativeScope.keep(torch.ones(new long[] {wide.size(1)}, wide.options()));
            swing = NativeScope.keep(torch.zeros_like(share));
        }
    }

    /** Null where factors do not take turns, or take them as the published code does. */
    static @Nullable OvershootGuard of(LoftConfig config, Tensor wide) {
        boolean inTurns = config.has(LoftBlock.ALTERNATION) && !config.tangent();
        return inTurns && !config.reference() && config.has(LoftBlock.PROJECTED_UPDATE)
                ? new OvershootGuard(config, wide)
                : null;
    }

    /**
     * At the gradient that the factor's last move has led to.
     *
     * @param g scaled gradient of step t, {@code (r, length)}
     * @param m first moment before it takes in g
     * @param power {@code Σⱼ V_ij} for each i before V takes in g, {@code (length)}
     */
    void look(Tensor g, Tensor m, Tensor power, Resting factor, long t) {
        double c2 = 1 - Math.pow(config.beta2(), t - 1);
        Tensor gram = factor.gram(g);
        Tensor quiet = gram.mm(g).mul_(g).sum(0).lt(power.mul(new Scalar(QUIET / c2)));
        swing.mul_(new Scalar(KEPT));
        Tensor next = share.div(new Scalar(config.beta2())).clamp_max_(new Scalar(1.0));
        // on a device the host would wait for the answer
        if (g.is_cuda() || quiet.any().item_bool()) {
            Tensor x = torch.where(quiet, excess(g, m, gram, factor, t), torch.zeros_like(swing));
            swing.add_(x);
            Tensor overshoots = torch.minimum(swing, x).gt(new Scalar(0.0));
            next = torch.where(overshoots, share.mul(new Scalar(SHORTER)), next);
        }
        share.copy_(next);
    }

    /** {@code |⟨g, m̂⟩| − c·‖m̂‖²} of each row, {@code (length)}. */
    private Tensor excess(Tensor g, Tensor m, Tensor gram, Resting factor, long t) {
        double c1 = 1 - Math.pow(config.beta1(), t - 1);
        double squaredBeta = config.beta1() * config.beta1();
        double c = (1 + squaredBeta) / (1 - squaredBeta);
        Tensor ownM = factor.own(m).div_(new Scalar(c1));
        Tensor measured = gram.mm(ownM);
        Tensor along = measured.mul(factor.own(g)).sum(0).abs_();
        return along.sub_(measured.mul_(ownM).sum(0), new Scalar(c));
    }

    /** What each row keeps of its moves, {@code (length)}. */
    Tensor share() {
        return share;
    }

    void addState(String prefix, Map<String, Tensor> all) {
        all.put(prefix + ".step_share", share);
        all.put(prefix + ".swing", swing);
    }

    @Override
    public void close() {
        share.close();
        swing.close();
    }
}
