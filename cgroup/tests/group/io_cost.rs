// SPDX-License-Identifier: MIT OR Apache-2.0
//! io.cost of the root group, where the kernel has it, and the sentence where it cannot be had.

use std::error::Error as _;

use needs::{isolated, needs};
use skep_cgroup::{ErrorKind, IoCostControl, IoCostModel, IoCostQos, Layout, Percent};

use crate::support::disk::Loop;

#[test]
fn what_is_set_for_a_disk_is_read_back_and_left_to_the_kernel_again() {
    needs!(root, cgroup2("io"), file("/sys/fs/cgroup/io.cost.qos"), program("losetup"), file("/dev/loop-control"));
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let disk = Loop::new();
        let device = disk.number();
        let text =
            format!("{device} enable=1 ctrl=user rpct=95.00 rlat=75000 wpct=90.00 wlat=150000 min=50.00 max=150.00");
        let qos: IoCostQos = text.parse().unwrap();
        layout.apply_io_cost_qos(&qos).unwrap();
        let now = || layout.io_cost_qos().unwrap().into_iter().find(|found| found.device == device);
        assert_eq!(now(), Some(qos));

        let text = format!(
            "{device} ctrl=user model=linear rbps=40960000 rseqiops=8000 rrandiops=700 wbps=20480000 wseqiops=4000 wrandiops=400"
        );
        let model: IoCostModel = text.parse().unwrap();
        layout.apply_io_cost_model(&model).unwrap();
        let found = layout.io_cost_model().unwrap().into_iter().find(|found| found.device == device);
        assert_eq!(found, Some(model));

        let off = IoCostQos { enable: false, control: IoCostControl::Auto, ..qos };
        layout.apply_io_cost_qos(&off).unwrap();
        let found = now().unwrap();
        assert!(!found.enable && found.control == IoCostControl::Auto && found.min != qos.min, "{found}");

        let nothing = IoCostQos { min: Percent::default(), ..qos };
        assert_eq!(layout.apply_io_cost_qos(&nothing).unwrap_err().problems(), ["min 0.00 gives nothing away"]);
        let absent = IoCostQos { device: skep_cgroup::DeviceNumber::new(4000, 1), ..qos };
        let error = layout.apply_io_cost_qos(&absent).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        assert!(error.to_string().contains("io.cost.qos"), "{error}");
    });
}

#[test]
fn where_the_root_group_is_not_in_view_a_sentence_says_so() {
    needs!(cgroup1("blkio"));
    let error = Layout::detect().unwrap().io_cost_qos().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    let why = error.source().unwrap().to_string();
    assert!(why.contains("its io controller is in version 1") || why.contains("root group alone"), "{why}");
}
