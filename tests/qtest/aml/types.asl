// SPDX-License-Identifier: GPL-2.0-or-later
// Types, conversions and operators; each Tnnn is evaluated here and by acpiexec.
DefinitionBlock ("", "DSDT", 2, "VMBOX", "TYPES", 1)
{
    Name (INT1, 0x1234)
    Name (STR1, "abc")
    Name (BUF1, Buffer (4) { 1, 2, 3, 4 })
    Name (PKG1, Package (3) { 1, "two", Buffer (2) { 3, 3 } })
    Name (NEST, Package () { Package () { 1, 2 }, Package () { 3, Package () { 4, 5 } } })
    Name (EMPT, Package (4) { 7 })
    Device (DEV0) { Name (_ADR, 5) }
    Name (REFS, Package () { INT1, STR1, BUF1, DEV0, DEV0._ADR, MADD })
    Mutex (MTX0, 0)
    Event (EVT0)
    Method (MADD, 2) { Return (Arg0 + Arg1) }
    Method (MREC, 1, Serialized) { If (Arg0 == 0) { Return (0) } Return (Arg0 + MREC (Arg0 - 1)) }
    Method (MSET, 1) { Arg0 = 77 }
    Method (MIDX, 1) { Arg0[1] = 0x55 }

    // arithmetic
    Method (T000) { Return (INT1 + 0xFFFFFFFFFFFFFFFF) }
    Method (T001) { Return (5 - 7) }
    Method (T002) { Return (0x123456789 * 0x987654321) }
    Method (T003) { Divide (1000, 7, Local0, Local1) Local7 = Package (2) {} Local7[0] = Local0 Local7[1] = Local1 Return (Local7) }
    Method (T004) { Return (1 << 63) }
    Method (T005) { Local0 = 64 Return (1 << Local0) }
    Method (T006) { Local0 = 70 Return (0xFF >> Local0) }
    Method (T007) { Return (~0x0F) }
    Method (T008) { Return (NAnd (0x0F, 0x3C)) }
    Method (T009) { Return (NOr (0x0F, 0x3C)) }
    Method (T010) { Return (0x0F ^ 0x3C) }
    Method (T011) { Return (FindSetLeftBit (0x00F0)) }
    Method (T012) { Return (FindSetRightBit (0x00F0)) }
    Method (T013) { Return (FindSetLeftBit (0)) }
    Method (T014) { Return (FromBCD (0x1234)) }
    Method (T015) { Return (ToBCD (1234)) }
    Method (T016) { Return (1000 % 7) }
    Method (T017) { Local0 = 0 Return (1 % Local0) }
    Method (T018) { Local0 = 5 Local0++ Local0++ Local0-- Return (Local0) }
    Method (T019) { Local0 = 0 Local0-- Return (Local0) }
    Method (T020) { Return (FromBCD (0x1A)) }
    // logic and comparison
    Method (T030) { Return (1 && 0) }
    Method (T031) { Return (5 || 0) }
    Method (T032) { Return (!5) }
    Method (T033) { Return ("abc" < "abd") }
    Method (T034) { Return ("abc" > "ab") }
    Method (T035) { Return (BUF1 == Buffer () { 1, 2, 3, 4 }) }
    Method (T036) { Return (BUF1 < Buffer () { 1, 2, 4 }) }
    Method (T037) { Return (INT1 == "1234") }
    Method (T038) { Return (STR1 == INT1) }
    Method (T039) { Return (INT1 >= 0x1234) }
    Method (T040) { Return (INT1 != 0x1234) }
    Method (T041) { Return (INT1 <= 3) }
    Method (T042) { Return (0x04030201 == BUF1) }
    Method (T043) { Return (BUF1 == 0x04030201) }
    // conversions
    Method (T050) { Return (ToInteger ("123")) }
    Method (T051) { Return (ToInteger ("0x1f")) }
    Method (T052) { Return (ToInteger (BUF1)) }
    Method (T053) { Return (ToHexString (0xABCDEF)) }
    Method (T054) { Return (ToHexString (BUF1)) }
    Method (T055) { Return (ToDecimalString (123456)) }
    Method (T056) { Return (ToDecimalString (BUF1)) }
    Method (T057) { Return (ToBuffer ("hello")) }
    Method (T058) { Return (ToBuffer (0x1122334455667788)) }
    Method (T059) { Return (ToString (Buffer () { 0x41, 0x42, 0, 0x43 })) }
    Method (T060) { Return (ToString (Buffer () { 0x41, 0x42, 0x43 }, 2)) }
    Method (T061) { Return (ToHexString (0)) }
    Method (T062) { Return (ToDecimalString (0)) }
    Method (T063) { Return (ToHexString ("str")) }
    Method (T064) { Return ("12" + 1) }
    Method (T065) { Return (BUF1 + 1) }
    Method (T066) { Return ("xyz" + 1) }
    Method (T067) { Return ("1f" + "10") }
    Method (T068) { Return (ToInteger ("12abc")) }
    Method (T069) { Return (ToDecimalString (Buffer () { 255, 0, 17 })) }
    Method (T070) { Return (ToBuffer (STR1)) }
    Method (T071) { Return ("0x10" + 1) }
    // strings and buffers
    Method (T080) { Return (Concatenate ("abc", "def")) }
    Method (T081) { Return (Concatenate ("abc", 0x12)) }
    Method (T082) { Return (Concatenate (0x11, 0x22)) }
    Method (T083) { Return (Concatenate (BUF1, BUF1)) }
    Method (T084) { Return (Concatenate ("x", BUF1)) }
    Method (T085) { Return (Concatenate (0x11, "22")) }
    Method (T086) { Return (Concatenate (BUF1, "ab")) }
    Method (T087) { Return (Concatenate (BUF1, 5)) }
    Method (T088) { Return (Mid ("abcdef", 2, 3)) }
    Method (T089) { Return (Mid (Buffer () { 1, 2, 3, 4, 5 }, 3, 10)) }
    Method (T090) { Return (Mid ("abc", 5, 2)) }
    Method (T091) { Return (SizeOf (STR1)) }
    Method (T092) { Return (SizeOf (BUF1)) }
    Method (T093) { Return (SizeOf (PKG1)) }
    Method (T094) { Return (ConcatenateResTemplate (ResourceTemplate () { IO (Decode16, 1, 1, 1, 1) }, ResourceTemplate () { IRQNoFlags () { 5 } })) }
    Method (T095) { Return (Concatenate ("dev ", DEV0)) }
    Method (T096) { Return (Concatenate (PKG1, "x")) }
    Method (T097) { Return (Mid (BUF1, 1, 2)) }
    Method (T098) { Return (Mid (0x1234, 0, 2)) }
    // references
    Method (T100) { Return (DerefOf (PKG1[1])) }
    Method (T101) { Return (DerefOf (BUF1[2])) }
    Method (T102) { Return (DerefOf (STR1[1])) }
    Method (T103) { Return (DerefOf (RefOf (INT1))) }
    Method (T104) { Local0 = RefOf (INT1) Return (DerefOf (Local0)) }
    Method (T105) { Return (CondRefOf (INT1)) }
    Method (T106) { Return (CondRefOf (\NOPE)) }
    Method (T107) { If (CondRefOf (STR1, Local0)) { Return (DerefOf (Local0)) } Return (0) }
    Method (T108) { Return (DerefOf (DerefOf (NEST[1])[0])) }
    Method (T109) { Local0 = "\\INT1" Return (DerefOf (Local0)) }
    Method (T110) { Return (REFS) }
    Method (T111) { Return (DerefOf (EMPT[2])) }
    Method (T112) { Return (EMPT) }
    Method (T113) { Return (DerefOf (PKG1[9])) }
    Method (T114) { Local0 = PKG1 Local0[0] = 99 Local7 = Package (2) {} Local7[0] = DerefOf (Local0[0]) Local7[1] = DerefOf (PKG1[0]) Return (Local7) }
    Method (T115) { Local0 = Buffer () { 1, 2, 3 } MIDX (Local0) Return (Local0) }
    Method (T116) { Local0 = 5 MSET (Local0) Return (Local0) }
    Method (T117) { Local0 = 5 MSET (RefOf (Local0)) Return (Local0) }
    Method (T118) { Local0 = PKG1[0] Return (DerefOf (Local0)) }
    Method (T119) { Local0 = "abc" Local0[1] = 0x58 Return (Local0) }
    Method (T120) { Local0 = Package (2) {} Local0[1] = "set" Return (DerefOf (Local0[1])) }
    Method (T121) { Local0 = Buffer (3) {} Local0[1] = 0x1FF Return (Local0) }
    Method (T122) { Local0 = Buffer (3) {} Local0[1] = "AB" Return (Local0) }
    // ObjectType
    Method (T130) { Local7 = Package (5) {} Local7[0] = ObjectType (INT1) Local7[1] = ObjectType (STR1) Local7[2] = ObjectType (BUF1) Local7[3] = ObjectType (PKG1) Local7[4] = ObjectType (DEV0) Return (Local7) }
    Method (T131) { Local7 = Package (5) {} Local7[0] = ObjectType (MTX0) Local7[1] = ObjectType (EVT0) Local7[2] = ObjectType (MADD) Local7[3] = ObjectType (Local0) Local7[4] = ObjectType (Debug) Return (Local7) }
    Method (T132) { Return (ObjectType (PKG1[1])) }
    Method (T133) { Return (ObjectType (BUF1[1])) }
    Method (T134) { Local0 = RefOf (PKG1) Return (ObjectType (Local0)) }
    Method (T135) { Local7 = Package (4) {} Local7[0] = ObjectType (\_SB) Local7[1] = ObjectType (\_GL) Local7[2] = ObjectType (\_OSI) Local7[3] = ObjectType (\_TZ) Return (Local7) }
    // stores to names keep their type
    Method (T140, 0, Serialized) { Name (X, 5) X = "1F" Return (X) }
    Method (T141, 0, Serialized) { Name (X, "str") X = 0x1F Return (X) }
    Method (T142, 0, Serialized) { Name (X, Buffer (3) { 9, 9, 9 }) X = 0x1F Return (X) }
    Method (T143, 0, Serialized) { Name (X, Buffer (3) { 9, 9, 9 }) X = "abcdef" Return (X) }
    Method (T144, 0, Serialized) { Name (X, 5) X = Buffer () { 1, 2, 3, 4, 5, 6, 7, 8, 9 } Return (X) }
    Method (T145, 0, Serialized) { Name (X, 5) CopyObject ("str", X) Return (X) }
    Method (T146, 0, Serialized) { Name (X, Package () { 1 }) X = Package () { 2, 3 } Return (X) }
    Method (T147, 0, Serialized) { Name (X, "str") X = Buffer () { 0x41, 0x42 } Return (X) }
    Method (T148, 0, Serialized) { Name (X, Buffer () {}) X = "abcdef" Return (X) }
    Method (T149, 0, Serialized) { Name (X, Buffer (6) { 1, 2, 3, 4, 5, 6 }) X = Buffer () { 9 } Return (X) }
    Method (T150, 0, Serialized) { Name (X, 1) X += "10" Return (X) }
    Method (T151) { Local0 = "str" Local0 = 5 Return (Local0) }
    Method (T152, 0, Serialized) { Name (X, "longer string") X = "s" Return (X) }
    Method (T153) { If (INT1 == 0) { Local3 = 1 } Return (Local3) }
    Method (T154, 0, Serialized) { Name (X, 5) Local0 = Package () { 1 } X = Local0 Return (X) }
    Method (T155, 1) { Return (Arg0) }
    // buffer fields
    Method (T160, 0, Serialized) { Name (B, Buffer (8) {}) CreateDWordField (B, 2, D) D = 0x11223344 Return (B) }
    Method (T161, 0, Serialized) { Name (B, Buffer (8) { 0xFF, 0xFF, 0xFF }) CreateField (B, 3, 9, F) F = 0 Return (B) }
    Method (T162, 0, Serialized) { Name (B, Buffer (8) { 0x12, 0x34, 0x56 }) CreateField (B, 4, 8, F) Return (F) }
    Method (T163, 0, Serialized) { Name (B, Buffer (16) { 1, 2, 3, 4, 5, 6, 7, 8, 9 }) CreateField (B, 4, 70, F) Return (F) }
    Method (T164, 0, Serialized) { Name (B, Buffer (8) {}) CreateBitField (B, 13, F) F = 1 Return (B) }
    Method (T165, 0, Serialized) { Name (B, Buffer (8) {}) CreateQWordField (B, 1, F) Return (F) }
    Method (T166, 0, Serialized) { Name (B, Buffer (8) { 1, 2, 3, 4, 5, 6, 7, 8 }) CreateWordField (B, 3, F) Return (F) }
    Method (T167, 0, Serialized) { Name (B, Buffer (8) {}) CreateField (B, 0, 64, F) F = "ab" Return (B) }
    Method (T168, 0, Serialized) { Name (B, Buffer (4) {}) CreateDWordField (B, 0, F) F = Buffer () { 1, 2 } Return (B) }
    Method (T169, 0, Serialized) { Name (B, Buffer (4) {}) CreateByteField (B, 3, F) F = 0x1FF Return (B) }
    Method (T170, 0, Serialized) { Name (B, Buffer (4) { 1, 2, 3, 4 }) CreateField (B, 0, 32, F) Return (F + 1) }
    // flow
    Method (T180) { Local0 = 0 Local1 = 0 While (Local0 < 10) { Local0++ If (Local0 == 3) { Continue } If (Local0 == 8) { Break } Local1 += Local0 } Return (Local1) }
    Method (T181) { Return (MREC (10)) }
    Method (T182, 1, Serialized) { Switch (ToInteger (Arg0)) { Case (1) { Return ("one") } Case (Package () { 2, 3 }) { Return ("few") } Default { Return ("many") } } }
    Method (T183) { Local7 = Package (3) {} Local7[0] = T182 (1) Local7[1] = T182 (3) Local7[2] = T182 (9) Return (Local7) }
    Method (T184) { For (Local0 = 0, Local0 < 5, Local0++) { Local1 = Local0 } Return (Local1) }
    Method (T185) { If (0) { Return (1) } ElseIf (1) { Return (2) } Else { Return (3) } }
    Method (T186) { Acquire (MTX0, 0xFFFF) Release (MTX0) Return (Acquire (MTX0, 10)) }
    Method (T187) { Signal (EVT0) Return (Wait (EVT0, 1)) }
    Method (T188) { Local0 = 0 While (One) { While (One) { Local0++ Break } Break } Return (Local0) }
    Method (T189) { Return (_OSI ("Windows 2015")) }
    Method (T190) { Return (_OSI ("Never Heard Of")) }
    Method (T191) { Return (\_OS) }
    Method (T192) { Return (\_REV) }
    Method (T193) { Stall (1) Noop Return (Ones) }
    // Match
    Name (MPKG, Package () { 1, 3, 5, 7, 9, 5 })
    Method (T200) { Return (Match (MPKG, MEQ, 5, MTR, 0, 0)) }
    Method (T201) { Return (Match (MPKG, MEQ, 5, MTR, 0, 3)) }
    Method (T202) { Return (Match (MPKG, MGT, 3, MLT, 9, 0)) }
    Method (T203) { Return (Match (MPKG, MEQ, 4, MTR, 0, 0)) }
    Method (T204) { Return (Match (MPKG, MGE, 7, MLE, 8, 0)) }
    Method (T205) { Return (Match (PKG1, MEQ, "two", MTR, 0, 0)) }
    // variable packages and buffers
    Method (T210, 1) { Local0 = 3 Return (Package (Local0) { 1 }) }
    Method (T211) { Local0 = 5 Return (Buffer (Local0) { 1, 2 }) }
    Method (T212) { Return (Package () { INT1, STR1, 3 }) }
    Name (_PRT, Package () { Package () { 0xFFFF, 0, DEV0, 0 } })
    Alias (INT1, ALS1)
    Method (T213) { Return (ALS1) }
    Method (T214, 0, Serialized) { ALS1 = 0x4321 Local0 = INT1 INT1 = 0x1234 Return (Local0) }
    Method (T215) { Return (ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766")) }
    Method (T217, 1) { Return (SizeOf (Arg0)) }
    Method (T218) { If ((ObjectType (INT1) == 4) && (SizeOf (INT1) == 1)) { Return (1) } Return (2) }
    Method (T216) { Return (EisaId ("PNP0A08")) }
}
