package org.loft4j.train;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * The gradients of leaves as several lanes find them. The order of a sum does not depend on which lane is first: it goes in
 * rounds, one share of each lane after the other. A share whose turn it is goes into the sum at once; one that is early waits
 * for it, and where too much of a lane waits the lane does too, until the others have come up.
 */
final class LaneSums implements AutoCloseable {
    private final List<Sum> sums;
    private final long mostWaiting;
    private final long[] waiting;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private int running;
    private volatile boolean failed;

    /**
     * Begins with the gradients that the leaves have, and takes these from them.
     *
     * @param mostWaiting elements that may wait of each lane, the last share not counted
     */
    LaneSums(List<Tensor> leaves, int lanes, long mostWaiting) {
        this.sums = leaves.stream().map(leaf -> new Sum(leaf, lanes)).toList();
        this.mostWaiting = mostWaiting;
        this.waiting = new long[lanes];
    }

    /** Before a lane's first share. */
    void begin() {
        locked(() -> running++);
    }

    /** Takes up a lane's next share of a leaf: one that nobody else holds may become the sum, any other is only read. */
    void add(int lane, int leaf, Tensor share) {
        locked(() -> waiting[lane] += share.numel());
        sums.get(leaf).add(lane, share);
        locked(() -> {
            // the last that runs goes on: what all others wait for is still to come from it
            while (waiting[lane] > mostWaiting && running > 1 && !failed) {
                running--;
                changed.awaitUninterruptibly();
                running++;
            }
        });
    }

    /** A lane has ended in a fault: nobody waits for it, and there will be no sums. */
    void fail() {
        failed = true;
        locked(() -> {});
    }

    /** After a lane's last share, or its fault. */
    void end(int lane) {
        try {
            sums.forEach(sum -> sum.end(lane));
        } finally {
            locked(() -> running--);
        }
    }

    /** Gives the leaves their sums, when all lanes have ended well. */
    void deliver() {
        sums.forEach(Sum::deliver);
    }

    private void locked(Runnable change) {
        lock.lock();
        try {
            change.run();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What was not delivered is lost, as after a fault: no leaf keeps a part of its sum. */
    @Override
    public void close() {
        sums.forEach(Sum::close);
    }

    /** Of one leaf. */
    private final class Sum {
        private final Tensor leaf;
        private final List<Deque<Tensor>> early;
        private final boolean[] ended;
        private int turn;
        private @Nullable Tensor total;
        private boolean delivered;

        Sum(Tensor leaf, int lanes) {
            this.leaf = leaf;
            this.early = Stream.generate(() -> (Deque<Tensor>) new ArrayDeque<Tensor>())
                    .limit(lanes)
                    .toList();
            this.ended = new boolean[lanes];
            try (NativeScope scope = new NativeScope()) {
                Tensor before = leaf.grad();
                if (before.defined()) {
                    // a handle of our own; grad() yields one that points into the leaf
                    total = NativeScope.keep(new Tensor(before));
                }
                leaf.mutable_grad().reset();
            }
        }

        synchronized void add(int lane, Tensor share) {
            early.get(lane).add(NativeScope.keep(share));
            goOn();
        }

        synchronized void end(int lane) {
            ended[lane] = true;
            goOn();
        }

        /** Adds what is there, up to the first that must be waited for. */
        private void goOn() {
            if (failed) {
                return;
            }
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                for (int missing = 0; missing < ended.length; turn = (turn + 1) % ended.length) {
                    Tensor share = early.get(turn).poll();
                    if (share == null && !ended[turn]) {
                        return;
                    }
                    missing = share == null ? missing + 1 : 0;
                    if (share != null) {
                        add(share);
                    }
                }
            }
        }

        private void add(Tensor share) {
            try (share) {
                if (total == null && isOursAlone(share)) {
                    total = NativeScope.keep(new Tensor(share));
                } else if (total == null) {
                    // in the layout of the leaf, as autograd has it
                    total = NativeScope.keep(torch.empty_like(leaf).copy_(share));
                } else {
                    total.add_(share);
                }
                int lane = turn;
                locked(() -> waiting[lane] -= share.numel());
            }
        }

        /** Whether nobody else reads the share, and it is all that its memory holds, in the layout of the leaf. */
        private boolean isOursAlone(Tensor share) {
            return share.use_count() == 1
                    && share.storage().use_count() == 1
                    && share.storage().nbytes() == share.nbytes()
                    && Dtype.of(share) == Dtype.of(leaf)
                    && share.is_contiguous()
                    && leaf.is_contiguous();
        }

        /** The leaf has had no gradient meanwhile. */
        void deliver() {
            if (total != null) {
                leaf.mutable_grad().put(total);
                delivered = true;
            }
        }

        void close() {
            try (NativeScope scope = new NativeScope()) {
                early.forEach(shares -> shares.forEach(Tensor::close));
                if (total != null) {
                    total.close();
                }
                if (!delivered) {
                    leaf.mutable_grad().reset();
                }
            }
        }
    }
}
