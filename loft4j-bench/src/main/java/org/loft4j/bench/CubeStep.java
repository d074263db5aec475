package org.loft4j.bench;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/**
 * LoFT's step (arXiv 2505.21289, blocks 1 to 5) on one pair as its equations read, to be compared with: the cross terms are
 * whole r×r matrices for each row, transported one by one, and V is formed through a temporary of shape {@code (m, r, n)}.
 */
final class CubeStep implements AutoCloseable {
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.999;
    private static final double EPS = 1e-8;

    /** One factor, tall {@code (length, r)}, with the history of its rows. */
    private record Side(Tensor momentum, Tensor cross) {
        static Side of(long length, long rank, Tensor like) {
            return new Side(
                    NativeScope.keep(torch.zeros(new long[] {length, rank}, like.options())),
                    NativeScope.keep(torch.zeros(new long[] {length, rank, rank}, like.options())));
        }
    }

    private final Tensor a;
    private final Tensor b;
    private final Side ofA;
    private final Side ofB;
    private long t;

    CubeStep(Tensor loraA, Tensor loraB) {
        this.a = loraA;
        this.b = loraB;
        this.ofA = Side.of(loraA.size(1), loraA.size(0), loraA);
        this.ofB = Side.of(loraB.size(0), loraB.size(1), loraB);
    }

    /** Moves B on odd steps, A on even ones; returns the squared norm of the projected gradient. */
    double step(double learningRate) {
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            t++;
            boolean movesB = t % 2 == 1;
            double norm = history(ofB, b.grad(), a.t()) + history(ofA, a.grad().t(), b);
            Tensor moved = movesB ? b : a;
            Tensor basis = movesB ? a : b.t();
            Tensor d = direction(movesB ? ofB : ofA, basis);
            moved.sub_(movesB ? d : d.t(), new Scalar(learningRate));
            return norm;
        }
    }

    /** Blocks 2 to 4. The basis did not move by much, so the transport is near the identity, and costs what it costs. */
    private static double history(Side side, Tensor grad, Tensor basis) {
        Tensor inverse = torch.linalg_inv(basis.t().mm(basis));
        Tensor scaled = grad.mm(inverse);
        Tensor transport = inverse.mm(basis.t().mm(basis));
        side.momentum.copy_(side.momentum.mm(transport.t()));
        side.cross.copy_(transport.matmul(side.cross).matmul(transport.t()));
        side.momentum.mul_(new Scalar(BETA1)).add_(scaled, new Scalar(1 - BETA1));
        Tensor outer = scaled.unsqueeze(2).mul(scaled.unsqueeze(1));
        side.cross.mul_(new Scalar(BETA2)).add_(outer, new Scalar(1 - BETA2));
        return scaled.mul(grad).sum().item_double();
    }

    /** Block 5. */
    private Tensor direction(Side side, Tensor basis) {
        double c1 = 1 - Math.pow(BETA1, t);
        double c2 = 1 - Math.pow(BETA2, t);
        Tensor cube = side.cross.matmul(basis);
        Tensor v = cube.mul_(basis.unsqueeze(0)).sum(1).clamp_min_(new Scalar(0.0));
        Tensor m = side.momentum.mm(basis);
        Tensor d = m.div_(new Scalar(c1)).div_(v.div_(new Scalar(c2)).sqrt_().add_(new Scalar(EPS)));
        return d.mm(basis.t()).mm(torch.linalg_inv(basis.mm(basis.t())));
    }

    @Override
    public void close() {
        for (Side side : new Side[] {ofA, ofB}) {
            side.momentum.close();
            side.cross.close();
        }
    }
}
