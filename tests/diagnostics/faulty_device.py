"""Every fault that can be planted in a device that is well, one at a time, in the order of the doctor's checks.

    with HealthyDevice(tmp_path) as device:
        fault.plant(device)
        findings = device.examine()

bench/planted_faults.py has the same faults on a card that is opened through PortAudio and on the real models.
"""

from machine_faults import MACHINE_FAULTS
from model_faults import MODEL_FAULTS
from setup_faults import SETUP_FAULTS
from sound_faults import SOUND_FAULTS
from upkeep_faults import UPKEEP_FAULTS

FAULTS = (*MACHINE_FAULTS, *SETUP_FAULTS, *SOUND_FAULTS, *MODEL_FAULTS, *UPKEEP_FAULTS)
