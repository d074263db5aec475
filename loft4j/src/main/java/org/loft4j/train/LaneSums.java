package org.loft4j.train;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * The sums of what several lanes find for each of several leaves. The order of a sum does not depend on which lane is first:
 * it goes in rounds, one share of each lane after the other. A share whose turn it is goes into the sum at once; one that is
 * early waits for it, and where too much of a lane waits the lane does too, until the others have come up.
 */
final class LaneSums implements AutoCloseable {
    private final List<Sum> sums;
    private final long mostWaiting;
    private final long[] waiting;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private int running;

    /**
     * @param mostWaiting elements that may wait of each lane, the last share not counted
     */
    LaneSums(int leaves, int lanes, long mostWaiting) {
        this.sums = Stream.generate(() -> new Sum(lanes)).limit(leaves).toList();
        this.mostWaiting = mostWaiting;
        this.waiting = new long[lanes];
    }

    /** Before a lane's first share. */
    void begin() {
        locked(() -> running++);
    }

    /** Takes up a lane's next share of a leaf, and only reads it. */
    void add(int lane, int leaf, Tensor share) {
        locked(() -> waiting[lane] += share.numel());
        sums.get(leaf).add(lane, share);
        locked(() -> {
            // the last that runs goes on: what all others wait for is still to come from it
            while (waiting[lane] > mostWaiting && running > 1) {
                running--;
                changed.awaitUninterruptibly();
                running++;
            }
        });
    }

    /** After a lane's last share, or its failure. */
    void end(int lane) {
        sums.forEach(sum -> sum.end(lane));
        locked(() -> running--);
    }

    /** The sum of a leaf after all lanes have ended, null if none added anything; it goes when this is closed. */
    @Nullable
    Tensor of(int leaf) {
        return sums.get(leaf).total;
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

    @Override
    public void close() {
        sums.forEach(Sum::close);
    }

    /** Of one leaf. */
    private final class Sum {
        private final List<Deque<Tensor>> early;
        private final boolean[] ended;
        private int turn;
        private @Nullable Tensor total;

        Sum(int lanes) {
            this.early = Stream.generate(() -> (Deque<Tensor>) new ArrayDeque<Tensor>())
                    .limit(lanes)
                    .toList();
            this.ended = new boolean[lanes];
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
                if (total == null) {
                    total = NativeScope.keep(share.clone());
                } else {
                    total.add_(share);
                }
                int lane = turn;
                locked(() -> waiting[lane] -= share.numel());
            }
        }

        void close() {
            early.forEach(shares -> shares.forEach(Tensor::close));
            if (total != null) {
                total.close();
            }
        }
    }
}
