`timescale 1ns/1ps
// A plain Verilog testbench of somebody's: bus writes, then wires that change at the falling edge, soon after a write.
module tb;
  reg clk = 0, rst = 1; reg [3:0] irq = 0; reg valid = 0; reg [22:0] address = 0; reg [31:0] wdata = 0; reg ack = 0;
  wire ready, error; wire [31:0] rdata;
  always #5 clk = ~clk;
  hic dut(.clk(clk), .rst(rst), .irq(irq), .bus_valid(valid), .bus_write(1'b1), .bus_address(address), .bus_wdata(wdata),
          .bus_strobe(4'hf), .bus_ready(ready), .bus_rdata(rdata), .bus_error(error), .direct0_acknowledge(ack));
  task put(input [22:0] to, input [31:0] what);
    begin
      @(negedge clk) valid = 1; address = to; wdata = what;
      @(posedge clk) while (!ready) @(posedge clk);
      @(negedge clk) valid = 0;
    end
  endtask
  initial begin
    $dumpfile(`DUMP); $dumpvars(`DEPTH, dut);
    repeat (4) @(negedge clk); rst = 0;
    repeat (200) @(negedge clk);
    put(23'h30200c, 3); put(23'h302008, 1); put(23'h00000c, 2); put(23'h000008, 1); put(23'h002000, 32'hc);
    repeat (9) @(negedge clk); irq[2] = 1; // soon after a write, and yet on time
    repeat (3) @(negedge clk); irq[1] = 1;                 // behind source 3
    repeat (10) @(negedge clk); put(23'h200004, 3);        // completes nothing
    put(23'h002000, 32'h4);                                // source 3 is disabled: source 2 shows
    repeat (60) @(negedge clk); irq[2] = 0; irq[0] = 1;    // no trigger
    repeat (5) @(negedge clk); irq[2] = 1;                 // merges, masked
    repeat (30) @(negedge clk); put(23'h002000, 32'h8);
    repeat (30) @(negedge clk); $finish;
  end
endmodule
