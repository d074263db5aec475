package org.loft4j.tensor;

import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Where the random numbers of a device, or of the calling thread's {@link RandomStream}, have got to, so that the same can be drawn again. */
public final class RandomState {
    private final DeviceSpec device;
    private final Tensor state;

    private RandomState(DeviceSpec device, Tensor state) {
        this.device = device;
        this.state = state;
    }

    /** The present state, which belongs to the open scope. */
    public static RandomState of(DeviceSpec device) {
        Engine.start();
        return new RandomState(device, generator(device).get_state());
    }

    /** Goes back, or forth, to this state. */
    public void restore() {
        generator(device).set_state(state);
    }

    private static Generator generator(DeviceSpec device) {
        Generator own = device.kind() == DeviceSpec.Kind.CPU ? RandomStream.current() : null;
        return own == null ? torch.globalContext().defaultGenerator(device.torch()) : own;
    }
}
