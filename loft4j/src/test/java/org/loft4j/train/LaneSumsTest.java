package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What lanes find is added up in one order, whichever is first and however many shares each has. */
@Timeout(60)
class LaneSumsTest {
    private static final int LANES = 4;
    private static final int LEAVES = 5;
    private static final int SIZE = 300;

    /** Shares by lane, in the order in which a lane finds them. */
    private record Share(int leaf, float[] values) {}

    private static List<List<Share>> shares(long seed) {
        Random random = new Random(seed);
        List<List<Share>> all = new ArrayList<>();
        for (int lane = 0; lane < LANES; lane++) {
            List<Share> one = new ArrayList<>();
            for (int i = random.nextInt(4); i >= 0; i--) {
                one.add(new Share(0, values(random)));
            }
            for (int leaf = 0; leaf < LEAVES - 1; leaf++) {
                one.add(new Share(leaf, values(random)));
            }
            all.add(one);
        }
        return all;
    }

    private static float[] values(Random random) {
        float[] values = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(6)));
        }
        return values;
    }

    /** In rounds: the first share of each lane, then the second of each that has one. */
    private static double[] expected(List<List<Share>> all, int leaf) {
        float[] sum = leaf == 0 ? before() : new float[SIZE];
        boolean found = true;
        for (int round = 0; found; round++) {
            found = false;
            for (List<Share> lane : all) {
                List<Share> ofLeaf =
                        lane.stream().filter(share -> share.leaf == leaf).toList();
                if (round < ofLeaf.size()) {
                    found = true;
                    for (int i = 0; i < SIZE; i++) {
                        sum[i] += ofLeaf.get(round).values[i];
                    }
                }
            }
        }
        double[] wide = new double[SIZE];
        for (int i = 0; i < SIZE; i++) {
            wide[i] = sum[i];
        }
        return wide;
    }

    private static void addAll(LaneSums sums, int lane, List<Share> shares, Random pause) throws InterruptedException {
        sums.begin();
        try (NativeScope scope = new NativeScope()) {
            for (Share share : shares) {
                Thread.sleep(pause.nextInt(3));
                sums.add(lane, share.leaf, Tensors.of(share.values, SIZE));
            }
        } finally {
            sums.end(lane);
        }
    }

    /** A lane that adds to the first leaf. */
    private static void addOnes(LaneSums sums, int lane, int shares, CountDownLatch began) {
        sums.begin();
        try (NativeScope scope = new NativeScope()) {
            began.countDown();
            for (int i = 0; i < shares; i++) {
                sums.add(lane, 0, ones());
            }
        } finally {
            sums.end(lane);
        }
    }

    private static ExecutorService daemons(int threads) {
        return Executors.newFixedThreadPool(threads, work -> {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            return thread;
        });
    }

    /** The first has a gradient already. */
    private static List<Tensor> leaves(int count) {
        List<Tensor> leaves = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            leaves.add(Tensors.zeros(Dtype.F32, DeviceSpec.CPU, SIZE).set_requires_grad(true));
        }
        leaves.get(0).mutable_grad().put(Tensors.of(before(), SIZE));
        return leaves;
    }

    private static float[] before() {
        return values(new Random(5));
    }

    private static Tensor ones() {
        return Tensors.of(new double[] {1}, 1).expand(SIZE).to(Dtype.F32.scalarType());
    }

    @Test
    void theOrderIsThatOfTheLanes() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        ExecutorService threads = daemons(LANES);
        long alive = LiveObjects.settled();
        try {
            for (int run = 0; run < 20; run++) {
                List<List<Share>> all = shares(seed + run);
                // from nothing may wait to all may
                long most = run % 4 * SIZE;
                try (NativeScope scope = new NativeScope()) {
                    List<Tensor> leaves = leaves(LEAVES);
                    try (LaneSums sums = new LaneSums(leaves, LANES, most)) {
                        List<Future<?>> lanes = new ArrayList<>();
                        for (int i = 0; i < LANES; i++) {
                            int lane = i;
                            Random pause = new Random(seed * 31 + run * LANES + lane);
                            lanes.add(threads.submit(() -> {
                                addAll(sums, lane, all.get(lane), pause);
                                return null;
                            }));
                        }
                        for (Future<?> lane : lanes) {
                            lane.get();
                        }
                        sums.deliver();
                    }
                    for (int leaf = 0; leaf < LEAVES - 1; leaf++) {
                        assertArrayEquals(
                                expected(all, leaf),
                                Tensors.toDoubles(leaves.get(leaf).grad()),
                                "run " + run + " leaf " + leaf);
                    }
                    assertFalse(leaves.get(LEAVES - 1).grad().defined(), "nobody added to it");
                }
            }
        } finally {
            threads.shutdown();
        }
        assertEquals(alive, LiveObjects.settled(), "nothing is left");
    }

    @Test
    void aLaneThatIsFarAheadWaits() throws Exception {
        ExecutorService threads = daemons(1);
        try (NativeScope scope = new NativeScope();
                LaneSums sums = new LaneSums(leaves(2), 2, SIZE - 1)) {
            sums.begin();
            CountDownLatch began = new CountDownLatch(1);
            Future<?> second = threads.submit(() -> addOnes(sums, 1, 1, began));
            began.await();
            assertThrows(
                    TimeoutException.class,
                    () -> second.get(300, TimeUnit.MILLISECONDS),
                    "its share waits for the first lane's");
            sums.add(0, 0, ones());
            second.get(30, TimeUnit.SECONDS);
            sums.end(0);
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void nobodyWaitsForALaneThatFailed() throws Exception {
        ExecutorService threads = daemons(1);
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> leaves = leaves(1);
            try (LaneSums sums = new LaneSums(leaves, 3, 0)) {
                // the first and the third of three: what the second does not bring is never added
                sums.begin();
                CountDownLatch began = new CountDownLatch(1);
                Future<?> third = threads.submit(() -> addOnes(sums, 2, 2, began));
                began.await();
                Thread.sleep(50);
                sums.fail();
                sums.end(0);
                third.get(30, TimeUnit.SECONDS);
            }
            assertFalse(leaves.get(0).grad().defined(), "half a gradient is none");
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void nobodyWaitsForALaneThatNeverBegan() {
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> leaves = leaves(2);
            try (LaneSums sums = new LaneSums(leaves, 3, 0)) {
                sums.begin();
                sums.add(2, 1, ones());
                sums.add(2, 1, ones());
                sums.end(2);
                sums.deliver();
            }
            assertFalse(leaves.get(1).grad().defined(), "what the lanes before would have added comes first");
        }
    }

    /** The sum of two lanes' shares of a leaf that has no gradient, the first lane's first. */
    private static Tensor sum(Tensor leaf, Tensor first, Tensor second) {
        try (LaneSums sums = new LaneSums(List.of(leaf), 2, Long.MAX_VALUE)) {
            sums.begin();
            sums.begin();
            sums.add(1, 0, second);
            sums.add(0, 0, first);
            sums.end(0);
            sums.end(1);
            sums.deliver();
        }
        return leaf.grad();
    }

    private static Tensor leaf(Dtype dtype, long... shape) {
        return Tensors.zeros(dtype, DeviceSpec.CPU, shape).set_requires_grad(true);
    }

    /** Else there would be two of it while it is copied. */
    @Test
    void aShareThatNobodyElseReadsBecomesTheSum() {
        try (NativeScope scope = new NativeScope()) {
            Tensor first = ones();
            long address = first.data_ptr().address();
            Tensor sum = sum(leaf(Dtype.F32, SIZE), first, ones());
            assertEquals(address, sum.data_ptr().address());
            assertEquals(2 * SIZE, sum.sum().item_double());
        }
    }

    /** One that is held by somebody, or is a part, or another view, of what is; the leaf of other layout or type has its own. */
    @Test
    void aShareThatIsReadElsewhereStaysAsItIs() {
        try (NativeScope scope = new NativeScope()) {
            Tensor held = ones();
            Tensor wide = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2, SIZE);
            for (Tensor share :
                    List.of(new Tensor(held), held.view(SIZE), held.detach(), wide.select(0, 0), wide.select(0, 1))) {
                double before = share.sum().item_double();
                Tensor sum = sum(leaf(Dtype.F32, SIZE), share, ones());
                assertEquals(before + SIZE, sum.sum().item_double());
                assertEquals(SIZE * Float.BYTES, sum.storage().nbytes());
            }
            assertEquals(SIZE, held.sum().item_double());
            assertEquals(0, wide.sum().item_double());
        }
    }

    @Test
    void aPartOfWhatNobodyElseHoldsDoesNotKeepTheRest() {
        try (NativeScope scope = new NativeScope()) {
            Tensor part;
            Tensor spread;
            try (NativeScope inner = new NativeScope()) {
                part = NativeScope.keep(
                        Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2, SIZE).select(0, 1));
                spread = NativeScope.keep(
                        Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1).expand(SIZE));
            }
            for (Tensor share : List.of(part, spread)) {
                Tensor sum = sum(leaf(Dtype.F32, SIZE), share, ones());
                assertEquals(SIZE, sum.sum().item_double());
                assertEquals(SIZE * Float.BYTES, sum.storage().nbytes());
            }
            part.close();
            spread.close();
        }
    }

    @Test
    void theSumHasLayoutAndTypeOfItsLeaf() {
        try (NativeScope scope = new NativeScope()) {
            Tensor turned = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 3, 5).t().set_requires_grad(true);
            Tensor sum = sum(turned, fives(Dtype.F32), fives(Dtype.F32));
            assertEquals(1, sum.stride(0));
            assertEquals(5, sum.stride(1));
            assertEquals(2 * 5 * 15, sum.sum().item_double());
            Tensor half = sum(leaf(Dtype.BF16, 5, 3), fives(Dtype.F32), fives(Dtype.F32));
            assertEquals(Dtype.BF16, Dtype.of(half));
            assertEquals(2 * 5 * 15, half.to(Dtype.F64.scalarType()).sum().item_double());
        }
    }

    private static Tensor fives(Dtype dtype) {
        return Tensors.zeros(dtype, DeviceSpec.CPU, 5, 3).add_(new Scalar(5.0));
    }

    /** As where the gradient of a sum goes to both of its parts. */
    @Test
    void oneShareOfTwoLeavesIsNoSumOfBoth() {
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> leaves = List.of(leaf(Dtype.F32, SIZE), leaf(Dtype.F32, SIZE));
            Tensor both = NativeScope.keep(ones());
            try (LaneSums sums = new LaneSums(leaves, 2, Long.MAX_VALUE)) {
                sums.begin();
                sums.begin();
                sums.add(0, 0, new Tensor(both));
                sums.add(0, 1, new Tensor(both));
                both.close();
                sums.add(1, 0, ones());
                sums.end(0);
                sums.end(1);
                sums.deliver();
            }
            assertEquals(2 * SIZE, leaves.get(0).grad().sum().item_double());
            assertEquals(SIZE, leaves.get(1).grad().sum().item_double());
        }
    }
}
