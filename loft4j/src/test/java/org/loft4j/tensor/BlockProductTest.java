package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.loft4j.ShapeException;
import org.loft4j.tensor.BlockProduct.Term;

class BlockProductTest {
    @BeforeAll
    static void whereItIsUsed() {
        Assumptions.assumeTrue(Engine.hasSmallKernels(), "OpenBLAS has no small kernels for this processor");
    }

    /** Operands in either order, parts of larger matrices among them, of sizes that blocks do not divide. */
    @Test
    void sumsAreThoseOfFloat64() {
        long seed = new Random().nextLong();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        for (int round = 0; round < 80; round++) {
            try (NativeScope scope = new NativeScope()) {
                check(random);
            }
        }
    }

    /** Of what is stored wide lines are too far apart everywhere, of what is turned on some processors. */
    @Test
    void linesAreReadWhereTheyLieUpToSomeWidth() {
        try (NativeScope scope = new NativeScope()) {
            Tensor narrow = matrix(new Random(3), 20, 1536);
            Tensor wide = matrix(new Random(3), 20, 1537);
            assertTrue(BlockProduct.readsLines(narrow) && BlockProduct.readsLines(narrow.t()));
            assertFalse(BlockProduct.readsLines(wide));
            assertFalse(BlockProduct.readsLines(wide.narrow(1, 0, 30)));
            assertEquals(Blas.turnsWideLines(), BlockProduct.readsLines(wide.t()));
            Tensor same = matrix(new Random(3), 1, 30).expand(20, 30);
            assertFalse(BlockProduct.readsLines(same) || BlockProduct.readsLines(same.t()));
        }
    }

    @Test
    void linesThatOverlapAreRefused() {
        try (NativeScope scope = new NativeScope()) {
            Tensor same = matrix(new Random(3), 1, 30).expand(20, 30);
            Tensor b = matrix(new Random(3), 30, 5);
            assertThrows(ShapeException.class, () -> BlockProduct.of(new Term(same, b)));
            assertTrue(BlockProduct.of(new Term(BlockProduct.dense(same), b))
                    .isfinite()
                    .all()
                    .item_bool());
        }
    }

    /** Of heads that lie beside each other in a row, and of turned ones. */
    @Test
    void batchesAreThatManyProducts() {
        try (NativeScope scope = new NativeScope()) {
            Random random = new Random(5);
            Tensor heads = matrix(random, 70, 3 * 50).view(70, 3, 50).transpose(0, 1);
            Tensor others = matrix(random, 3 * 90, 50).view(3, 90, 50);
            Tensor turned = Tensors.empty(Dtype.F32, DeviceSpec.CPU, 3, 50, 90);
            BlockProduct.turn(others, turned);
            assertTrue(turned.equal(others.transpose(1, 2)));
            for (Tensor b : new Tensor[] {turned, others.transpose(1, 2)}) {
                Tensor c = matrix(random, 70, 3 * 90).view(70, 3, 90).transpose(0, 1);
                Tensor before = c.clone();
                BlockProduct.sum(c, true, new Term(0.5, heads, b));
                Tensor expected = before.to(Dtype.F64.scalarType())
                        .add(
                                heads.to(Dtype.F64.scalarType())
                                        .bmm(others.to(Dtype.F64.scalarType()).transpose(1, 2)),
                                new Scalar(0.5));
                double off =
                        c.to(Dtype.F64.scalarType()).sub(expected).abs().max().item_double();
                assertTrue(off < 1e-4, "off by " + off);
            }
        }
    }

    private static void check(Random random) {
        int rows = size(random, 400);
        int columns = size(random, 200);
        boolean add = random.nextBoolean();
        Tensor whole = matrix(random, rows, columns + 3);
        Tensor c = whole.narrow(1, 1, columns);
        Tensor around = torch.cat(new TensorVector(whole.narrow(1, 0, 1), whole.narrow(1, columns + 1, 2)), 1)
                .clone();
        Tensor expected =
                add ? c.to(Dtype.F64.scalarType()) : torch.zeros(rows, columns).to(Dtype.F64.scalarType());
        Term[] terms = new Term[1 + random.nextInt(3)];
        for (int t = 0; t < terms.length; t++) {
            int inner = size(random, t == 0 ? 1000 : 60);
            double alpha = random.nextBoolean() ? 1 : 0.5;
            terms[t] = new Term(alpha, operand(random, rows, inner), operand(random, inner, columns));
            expected = expected.add(
                    terms[t].a().to(Dtype.F64.scalarType()).mm(terms[t].b().to(Dtype.F64.scalarType())),
                    new Scalar(alpha));
        }
        BlockProduct.sum(c, add, terms);
        double off = c.to(Dtype.F64.scalarType()).sub(expected).abs().max().item_double();
        assertTrue(off < 2e-5 * expected.abs().max().item_double(), rows + "×" + columns + ": off by " + off);
        Tensor still = torch.cat(new TensorVector(whole.narrow(1, 0, 1), whole.narrow(1, columns + 1, 2)), 1);
        assertTrue(still.equal(around), "what lies beside the result has changed");
    }

    private static int size(Random random, int most) {
        return random.nextInt(5) == 0 ? 1 : 1 + random.nextInt(most);
    }

    private static Tensor operand(Random random, int rows, int columns) {
        boolean turned = random.nextBoolean();
        boolean part = random.nextBoolean();
        Tensor whole = turned
                ? matrix(random, columns, rows + (part ? 5 : 0))
                : matrix(random, rows, columns + (part ? 5 : 0));
        Tensor some = part ? whole.narrow(1, 2, turned ? rows : columns) : whole;
        return turned ? some.t() : some;
    }

    private static Tensor matrix(Random random, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensors.of(values, rows, columns);
    }
}
