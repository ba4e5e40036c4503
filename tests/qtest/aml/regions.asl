// SPDX-License-Identifier: GPL-2.0-or-later
// Operation regions and fields of every kind, 32-bit arithmetic (revision 1), scopes and temporary names.
DefinitionBlock ("", "DSDT", 1, "VMBOX", "REGIONS", 1)
{
    OperationRegion (MEM0, SystemMemory, 0x1000, 0x100)
    Field (MEM0, ByteAcc, NoLock, Preserve) { BA00, 8, BA01, 4, BA02, 12, BA03, 40, BA04, 96 }
    Field (MEM0, WordAcc, NoLock, Preserve) { Offset (0x20), WA00, 3, WA01, 13, WA02, 32, , 7, WA03, 9 }
    Field (MEM0, DWordAcc, NoLock, WriteAsOnes) { Offset (0x40), DA00, 5, Offset (0x44), DA01, 60 }
    Field (MEM0, QWordAcc, NoLock, WriteAsZeros) { Offset (0x50), QA00, 17, Offset (0x58), QA01, 128 }
    Field (MEM0, AnyAcc, NoLock, Preserve) { Offset (0x70), AA00, 1, AA01, 15, AA02, 16 }
    Field (MEM0, ByteAcc, NoLock, Preserve) { Offset (0x70), ALLB, 256 }
    OperationRegion (IO00, SystemIO, 0x70, 2)
    Field (IO00, ByteAcc, NoLock, Preserve) { IDX0, 8, DAT0, 8 }
    IndexField (IDX0, DAT0, ByteAcc, NoLock, Preserve) { Offset (0x10), IX00, 8, IX01, 4, IX02, 20 }
    Field (MEM0, ByteAcc, NoLock, Preserve) { Offset (0x90), BNK0, 8 }
    BankField (MEM0, BNK0, 3, ByteAcc, NoLock, Preserve) { Offset (0x94), BK00, 8, BK01, 16 }
    OperationRegion (SHRT, SystemMemory, 0x2000, 3)
    Field (SHRT, DWordAcc, NoLock, Preserve) { SH00, 16 }
    Name (SIZ0, 0x10)
    OperationRegion (DYN0, SystemMemory, 0x3000, SIZ0)
    Field (DYN0, ByteAcc, NoLock, Preserve) { DY00, 8 }

    Method (T000) { BA00 = 0x5A BA01 = 0xF BA02 = 0x123 Return (BA00) }
    Method (T001) { Return (BA01) }
    Method (T002) { Return (BA02) }
    Method (T003) { BA03 = Buffer () { 1, 2, 3, 4, 5 } Return (BA03) }
    Method (T004) { BA04 = "field of text" Return (BA04) }
    Method (T005) { BA04 = 0x12345678 Return (BA04) }
    Method (T006) { WA00 = 5 WA01 = 0x1234 WA02 = 0xDEADBEEF WA03 = 0x155 Return (WA02) }
    Method (T007) { Return (WA00) }
    Method (T008) { Return (WA01) }
    Method (T009) { Return (WA03) }
    Method (T010) { DA00 = 3 Return (DA00) }
    Method (T011) { DA01 = Buffer () { 0xFF, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA, 0x99, 0x88 } Return (DA01) }
    Method (T012) { QA00 = 0x1ABCD Return (QA00) }
    Method (T013) { QA01 = Buffer () { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } Return (QA01) }
    Method (T014) { AA00 = 1 AA01 = 0x7FFF AA02 = 0x8001 Return (ALLB) }
    Method (T015) { IX00 = 0x77 IX01 = 9 IX02 = 0xABCDE Return (IX00) }
    Method (T016) { Return (IX01) }
    Method (T017) { Return (IX02) }
    Method (T018) { Return (IDX0) }
    Method (T019) { BK00 = 0x31 BK01 = 0x4142 Return (BNK0) }
    Method (T020) { BNK0 = 0 Local0 = BK01 Return (Local0 + BNK0) }
    Method (T021) { Return (SH00) }
    Method (T022) { SIZ0 = 0 DY00 = 4 Return (DY00) }
    // 32-bit numbers
    Method (T030) { Return (Ones) }
    Method (T031) { Return (0xFFFFFFFF + 2) }
    Method (T032) { Local0 = 31 Return (1 << Local0) }
    Method (T033) { Local0 = 32 Return (1 << Local0) }
    Method (T034) { Return (ToBuffer (0x1234)) }
    Method (T035) { Return (Concatenate (1, 2)) }
    Method (T036) { Return (ToHexString (0x1234)) }
    Method (T037) { Return (Concatenate ("n", 0x1234)) }
    Method (T038) { Return (!0) }
    Method (T039) { Return (Buffer () { 1, 2, 3, 4, 5, 6 } + 0) }
    Method (T040) { Return (~0) }
    Method (T041) { Return (0 - 1) }
    Method (T042) { Return (0x12345 * 0x6789A) }
    // scopes
    Scope (\_SB)
    {
        Name (NAM0, 1)
        Device (DEV0)
        {
            Name (NAM0, 2)
            Method (MET0) { Return (NAM0) }
            Method (MET1) { Return (^^NAM0) }
            Method (MET2) { Return (\_SB.NAM0) }
            Device (DEV1) { Method (MET3) { Return (NAM0) } Method (MET4) { Return (^^NAM0) } }
        }
    }
    Method (T050) { Return (\_SB.DEV0.MET0 ()) }
    Method (T051) { Return (\_SB.DEV0.MET1 ()) }
    Method (T052) { Return (\_SB.DEV0.MET2 ()) }
    Method (T053) { Return (\_SB.DEV0.DEV1.MET3 ()) }
    Method (T054) { Return (\_SB.DEV0.DEV1.MET4 ()) }
    Method (TMP0, 1, Serialized) { Name (TLOC, 0) TLOC = Arg0 * 2 Return (TLOC) }
    Method (T055) { Return (TMP0 (4) + TMP0 (5)) }
    Method (T056) { Return (CondRefOf (\TMP0.TLOC)) }
    Method (T057, 0, Serialized) { OperationRegion (TREG, SystemMemory, 0x4000, 8) Field (TREG, ByteAcc, NoLock, Preserve) { TF00, 16 } TF00 = 0x8899 Return (TF00) }
    Processor (CPU0, 1, 0x410, 6) { Name (_HID, "ACPI0007") }
    PowerResource (PWR0, 1, 2) { Method (_STA) { Return (1) } Method (_ON) {} Method (_OFF) {} }
    ThermalZone (THZ0) { Method (_TMP) { Return (3000) } }
    Method (T058) { Local7 = Package (4) {} Local7[0] = ObjectType (CPU0) Local7[1] = ObjectType (PWR0) Local7[2] = ObjectType (THZ0) Local7[3] = ObjectType (MEM0) Return (Local7) }
    Method (T059) { Local7 = Package (2) {} Local7[0] = ObjectType (BA00) Local7[1] = ObjectType (IX00) Return (Local7) }
    If (One) { Name (CND1, 5) } Else { Name (CND2, 6) }
    Method (T060) { Return (CondRefOf (\CND2)) }
}
